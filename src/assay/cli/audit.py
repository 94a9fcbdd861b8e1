"""`assay audit`: compare a base model with tuned ones, and say what the training taught."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.annotators import Annotator, load_annotator
from assay.audits.compare import compare, steps
from assay.audits.labels import make_labels
from assay.audits.phrases import PHRASES, load_phrases
from assay.audits.together import sentence
from assay.cli.progress import progress
from assay.cli.sample import Plan, check_plan, is_file, sample_model, sample_paths
from assay.cli.show import draw, print_notes, print_sentences, print_table, print_written
from assay.errors import DataError, RecipeError, RunError
from assay.files import write_json
from assay.report.words import percent, with_interval
from assay.samples import SUFFIXES
from assay.store import Run
from assay.tasks import data_for, make_task, stop_of
from assay.types import Sampling

DEFAULTS: dict[str, Any] = {
    "problems": 256, "n": 128, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": None, "template": "auto", "seed": 0,
    "device": "auto", "dtype": "auto",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What `compare` and the report are told."""

    labels: Sequence[str] | None = None
    intersect: bool = False
    allow_different_sampling: bool = False
    report: bool = True
    annotator: Annotator | None = None
    phrases: Mapping[str, Sequence[str]] = field(default_factory=lambda: PHRASES)


def command(
    sources: Annotated[
        list[str], typer.Argument(help="Base first, then tuned ones: sample files, runs or models; or one run alone.")
    ],
    out: Annotated[Path | None, typer.Option(help="Where to write; default RUN/audit for a run alone.")] = None,
    labels: Annotated[str | None, typer.Option(help="Names of the models in order: base,tuned.")] = None,
    intersect: Annotated[bool, typer.Option("--intersect", help="Compare only problems that all files have.")] = False,
    allow_different_sampling: Annotated[
        bool, typer.Option("--allow-different-sampling", help="Compare files that were not sampled alike.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html beside findings.json.")
    ] = True,
    annotator: Annotated[
        Path | None, typer.Option(help="Dials of a simulated annotator (TOML): whom would it prefer?")
    ] = None,
    patterns: Annotated[
        Path | None,
        typer.Option(help="More phrases that tell reflection (TOML): name = a list of regular expressions."),
    ] = None,
    task: Annotated[str | None, typer.Option(help="Task to sample models on, for example compose:edge.")] = None,
    data: Annotated[str | None, typer.Option(help="Local data for a task that reads rows.")] = None,
    problems: Annotated[int | None, typer.Option(min=1, help="Problems to sample; default 256.")] = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help="Responses a problem; default 128.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="Sampling temperature; default 1.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling; default 1, which is off.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Length limit, tokens; default the task's.")] = None,
    template: Annotated[str | None, typer.Option(help="Prompt template: auto, chat or plain; default auto.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sampling seed; default 0.")] = None,
) -> None:
    """Compare a base model with tuned ones: which problems were gained, lost, or only got surer?

    assay audit base.parquet tuned.parquet --out audit

    assay audit runs/countdown-grpo-0
    """
    asked = None if annotator is None else load_annotator(annotator)
    phrases = load_phrases(patterns)
    options = Options(_names(labels), intersect, allow_different_sampling, report, asked, phrases)
    given = {
        "task": task, "data": data, "problems": problems, "n": n, "temperature": temperature, "top_p": top_p,
        "max_new_tokens": max_new_tokens, "template": template, "seed": seed,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    if len(sources) == 1:
        if not Run.is_run(Path(sources[0])):
            raise DataError(
                f"{sources[0]} is no run, so it has no base of its own; give the base first, then {sources[0]}"
            )
        audit_run(Run.open(Path(sources[0])), out, options, given)
        return
    if out is None:
        raise DataError("give --out DIR, where findings.json and report.html are to be written")
    files, names = _sample_files(sources, out, options, given)
    runs = [Path(source) for source in sources[1:] if Run.is_run(Path(source))]
    _audit(files, names, out, options, runs[0] if len(runs) == 1 else None)


def audit_run(
    run: Run, out: Path | None = None, options: Options | None = None, given: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Audits a finished run against its own base, as its [audit] table says; returns the findings document."""
    if not run.model.is_dir():
        raise RunError(f"{run.path}: has no trained model yet; continue it with: assay train --resume {run.path}")
    options = options or Options()
    out = out or run.audit
    plan = _plan(given or {}, run)
    base = run.manifest["base"]
    names = make_labels(["base", "tuned"], options.labels)
    files = [out / "samples" / f"{name}.parquet" for name in ("base", "tuned")]
    check_plan(plan, files)
    for source, name, file in zip((base, str(run.model)), names, files, strict=True):
        sample_model(source, plan, file, base, name)
    return _audit(files, names, out, options, run.path)


def _audit(
    files: Sequence[Path], labels: Sequence[str], out: Path, options: Options, run: Path | None
) -> dict[str, Any]:
    findings, written = audit_files(files, labels, out, options, run)
    _show(findings)
    print_written(written)
    return findings


def audit_files(
    files: Sequence[Path], labels: Sequence[str], out: Path, options: Options, run: Path | None = None, of: str = ""
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Writes findings and report of these sample files into `out`; returns the findings and what was written.

    `of` says in the progress what is audited.
    """
    with progress(f"auditing {of}".strip(), steps(len(files)), "steps") as advance:
        findings = compare(
            files,
            labels,
            options.intersect,
            options.allow_different_sampling,
            options.annotator,
            advance,
            options.phrases,
        )
    written = {"findings": write_json(out / "findings.json", findings)}
    if options.report:
        written["report"] = draw("assay.report.page:write_audit_report", findings, out, run, of=of)
    return findings, written


def _sample_files(
    sources: Sequence[str], out: Path, options: Options, given: dict[str, Any]
) -> tuple[list[Path], tuple[str, ...]]:
    """The sample file of each source, sampled where it is a model or a run, and the labels."""
    names = make_labels(sources, options.labels)
    models = [source for source in sources if not is_file(source, SUFFIXES, "sample file")]
    if not models and given:
        raise RecipeError(
            f"--{next(iter(given)).replace('_', '-')} says how to sample models, but all sources are files"
        )
    runs = [Run.open(Path(source)) for source in models if Run.is_run(Path(source))]
    if not models:
        return [Path(source) for source in sources], names
    sampled = sample_paths(out, models)
    plan = _plan(given, runs[0] if runs else None)
    check_plan(plan, sampled)
    under, waiting = sources[0] if sources[0] in models else None, iter(sampled)
    files = []
    for source, name in zip(sources, names, strict=True):
        is_model = source in models
        files.append(sample_model(source, plan, next(waiting), under, name) if is_model else Path(source))
    return files, names


def _plan(given: dict[str, Any], run: Run | None) -> Plan:
    """What the options say, else what the run's [audit] table says, else the defaults."""
    plan = dict(DEFAULTS)
    if run is not None:
        recipe = run.policy_recipe
        table, own = recipe.audit, recipe.task
        data = run.manifest.get("data")
        plan |= {
            "data": data_for(table.task, own["name"], data) if table.task and own else data,
            "problems": table.problems,
            "n": table.n,
            "temperature": table.temperature,
            "top_p": table.top_p,
            "max_new_tokens": table.max_new_tokens or recipe.max_new_tokens,
            "template": recipe.model.template,
            "device": recipe.model.device,
            "dtype": recipe.model.dtype,
            "seed": table.seed,
        }
        if table.task or own:
            plan["task"] = table.task or own
    if "task" in given:
        plan["data"] = None
    plan |= given
    if "task" not in plan:
        raise RecipeError("a model must be sampled before it can be audited: give --task, for example --task countdown")
    task = make_task(plan["task"], plan.get("data"))
    longest = plan["max_new_tokens"] or task.max_new_tokens
    sampling = Sampling(plan["temperature"], plan["top_p"], 0, longest, stop_of(task), plan["seed"])
    return Plan(task, plan["problems"], plan["n"], sampling, plan["template"], plan["device"], plan["dtype"])


def _names(labels: str | None) -> list[str] | None:
    return None if labels is None else labels.split(",")


def _show(findings: dict[str, Any]) -> None:
    """The verdict table on stdout: one row a tuned model, then its sentences."""
    ks = {"pass_at_1": 1, "pass_at_K": findings["settings"]["K"]}
    shown = [name for name in ks if name == "pass_at_1" or ks[name] > 1]
    changes = [f"pass@{ks[name]}" for name in shown]
    headings = ["model", "verdict", *changes, "crossover", "only\nbase", "only\ntuned"]
    rows = []
    for label, each in findings["comparisons"].items():
        sets, crossing = each["solvable"], each["crossover"]["k"]
        cells = [label, each["verdict"], *(_change(each["evidence"][name]) for name in shown)]
        cells += ["-" if crossing is None else f"k = {crossing}", str(sets["base_only"]), str(sets["tuned_only"])]
        rows.append(cells)
    print_table(headings, rows, no_wrap=headings[1:])
    for label, each in findings["comparisons"].items():
        print_sentences("", f"{label}: {each['verdict']}. {each['why']}", f"What would overturn it: {each['overturn']}")
        if diversity := each["diversity"]:
            print_sentences(f"Diversity: {diversity['verdict']}. {diversity['why']}")
        if preferred := each["preferred"]:
            print_sentences(
                f"The annotator ({findings['annotator']['annotator']}) prefers it to {each['base']} in "
                f"{with_interval(preferred, percent)} of pairs."
            )
    if together := sentence(findings["tests"]):
        print_sentences("", together)
    print_notes(findings["settings"]["notes"])
    print()


def _change(change: dict[str, float] | None) -> str:
    return "-" if change is None else f"{change['base']:.3f} -> {change['tuned']:.3f}"
