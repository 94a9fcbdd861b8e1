"""`assay bench`: a base model against tuned ones on several tasks: what rose, what fell, what transfers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.audits.bench import Benched, in_words, summarise
from assay.audits.labels import make_labels, numbered
from assay.cli.audit import Options, audit_files
from assay.cli.sample import Plan, check_plan, file_names, problem_count, sample_model, sample_paths
from assay.cli.show import draw, print_notes, print_sentences, print_table, print_written
from assay.errors import DataError, RecipeError
from assay.files import write_text
from assay.registry import nearest, resolve
from assay.store import Run
from assay.tasks import Task, format_spec, make_task, parse_spec, stop_of
from assay.types import Sampling


@dataclass(frozen=True, slots=True)
class Job:
    """One task of the bench: how it is sampled, what it is called here, where its files go, a sample file a model."""

    name: str
    plan: Plan
    out: Path
    files: list[Path]


def command(
    models: Annotated[list[str], typer.Argument(help="Base first, then tuned ones: models, runs, organism:NAME.")],
    tasks: Annotated[str, typer.Option(help="Task specs with commas between, for example gsm8k,compose:edge.")],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command continues it.")] = Path("bench"),
    n: Annotated[int, typer.Option("-n", min=1, help="Responses a problem.")] = 32,
    problems: Annotated[
        int | None, typer.Option(min=1, help="At most so many problems a task; default all rows, or 256.")
    ] = None,
    trained_on: Annotated[
        str | None, typer.Option(help="Specs of tasks that the tuned models were trained on; a run names its own.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Local data of a task that reads rows; repeatable.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Names of the models in order: base,tuned.")] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html, of each task too.")] = True,
    temperature: Annotated[float, typer.Option(min=0.0, help="Sampling temperature.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling; 1 is off.")] = 1.0,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Length limit, tokens; default each task's.")
    ] = None,
    template: Annotated[str, typer.Option(help="Prompt template: auto, chat or plain.")] = "auto",
    seed: Annotated[int, typer.Option(help="Sampling seed.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, or auto.")] = "auto",
) -> None:
    """Sample, grade and audit a base model against tuned ones on several tasks: what rose, fell, transfers?

    assay bench organism:code-base runs/countdown-grpo-0 --tasks countdown,compose:seen,compose:edge --out bench
    """
    if len(models) < 2:
        raise DataError(f"a bench compares a base with at least one tuned model, got only {models[0]}")
    names = make_labels(models, labels.split(",") if labels else None)
    jobs = []
    chosen = _tasks([spec.strip() for spec in tasks.split(",") if spec.strip()], data or [])
    for name, folder in zip(chosen, file_names(list(chosen)), strict=True):
        task = chosen[name]
        sampling = Sampling(temperature, top_p, 0, max_new_tokens or task.max_new_tokens, stop_of(task), seed)
        plan = Plan(task, _at_most(task, problems), n, sampling, template, device, dtype)
        jobs.append(Job(name, plan, out / folder, sample_paths(out / folder, models)))
    more = [_canonical(parse_spec(spec)) for spec in trained_on.split(",")] if trained_on else []
    taught = {label: _trained_on(model, more) for label, model in zip(names[1:], models[1:], strict=True)}
    for job in jobs:
        check_plan(job.plan, job.files)
    to_check = [(job.plan.task, job.plan.problems) for job in jobs]
    resolve("assay.rollout.sampling:check_models")(models, to_check, template)
    _sample_all(models, names, jobs)
    runs = [run for run in map(_run_of, models[1:]) if run is not None]
    benched = [_audit(job, names, report, runs[0].path if len(runs) == 1 else None) for job in jobs]
    summary = summarise(benched, taught)
    write_text(out / "bench.json", json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    written = {"bench": out / "bench.json"}
    if report:
        written["report"] = draw("assay.report.bench:write_bench_report", summary, out, of="the bench")
    _show(summary)
    print_written(written)


def _tasks(specs: Sequence[str], data: Sequence[str]) -> dict[str, Task]:
    """The tasks by what they are called here: their spec, numbered where local data tell apart two of one spec."""
    paths = _paths(data, [parse_spec(spec)["name"] for spec in specs])
    found: dict[tuple[str, str | None], Task] = {}
    for spec in specs:
        options = parse_spec(spec)
        path = options.get("data", paths.get(options["name"]))
        task = make_task(options, path)
        if (task.spec, path) in found:
            raise RecipeError(f"--tasks: {task.spec} is there twice; give every task once")
        found[task.spec, path] = task
    return dict(zip(numbered([spec for spec, _ in found]), found.values(), strict=True))


def _paths(data: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Task name -> local data, from NAME=PATH."""
    paths = {}
    for each in data:
        name, equals, path = each.partition("=")
        if not equals or not path:
            raise RecipeError(f"--data {each!r}: expected NAME=PATH, for example gsm8k=data/gsm8k")
        if name not in names:
            there_are = ", ".join(dict.fromkeys(names))
            raise RecipeError(f"--data {each!r}: --tasks has no {name!r}{nearest(name, names)}; there are {there_are}")
        paths[name] = path
    return paths


def _at_most(task: Task, asked: int | None) -> int:
    """Problems to sample: what was asked for, but no more than there are."""
    count, size = problem_count(task, "test", asked), task.size("test")
    return count if size is None else min(count, size)


def _run_of(model: str) -> Run | None:
    """The run that a reference names, by its folder or by that of its model."""
    path = Path(model)
    places = [path, path.resolve().parent] if path.name == "model" else [path]
    return next((Run.open(place) for place in places if Run.is_run(place)), None)


def _trained_on(model: str, more: Sequence[str]) -> list[str] | None:
    """Specs of what a tuned model was trained on: a run's own task and those given; None where nothing is known."""
    run = _run_of(model)
    task = None if run is None else run.policy_recipe.task
    own = [] if run is None or task is None else [_canonical(task, run.manifest.get("data"))]
    return list(dict.fromkeys([*own, *more])) or None


def _canonical(options: Mapping[str, Any], data: str | None = None) -> str:
    """The task's own spec; where its data are not here, the one that the options make."""
    try:
        return make_task(dict(options), data).spec
    except DataError:
        return format_spec(options["name"], {key: options[key] for key in options if key not in ("name", "data")})


def _sample_all(models: Sequence[str], labels: Sequence[str], jobs: Sequence[Job]) -> None:
    """Every task of a model before the next model; each is loaded once, and the base stays to score the others."""
    load, how = resolve("assay.policies.load:load_policy"), (jobs[0].plan.device, jobs[0].plan.dtype)
    base = load(models[0], *how)
    for at, model in enumerate(models):
        _sample_model(load(model, *how) if at else base, labels, at, jobs, base)


def _sample_model(model: Any, labels: Sequence[str], at: int, jobs: Sequence[Job], base: Any) -> None:
    for job in jobs:
        sample_model(model, job.plan, job.files[at], base, f"{labels[at]} on {job.name}")


def _audit(job: Job, labels: Sequence[str], report: bool, run: Path | None) -> Benched:
    """The audit of one task, from its sample files."""
    try:
        findings, _ = audit_files(job.files, labels, job.out, Options(report=report), run, job.name)
    except DataError as error:
        raise DataError(f"task {job.name}: {error}") from None
    sampling = resolve("assay.rollout.parts:settings_of")(job.files[0])
    return Benched(job.name, job.plan.task.spec, job.out.name, sampling, findings)


def _show(summary: dict[str, Any]) -> None:
    """A table a tuned model, and its sentences."""
    base = summary["models"][0]
    headings = ("task", "training", "k", "pass@k", "difference", "95 % interval", "change", "verdict")
    for label, said in summary["summary"].items():
        rows: list[tuple[str, ...]] = []
        for each in summary["tasks"]:
            told = each["comparisons"][label]
            cells = _cells(told["pass_at_1"])
            rows.append((each["task"], told["relation"], "1", *cells, in_words(told), told["verdict"]))
            if each["K"] > 1:
                rows.append(("", "", str(each["K"]), *_cells(told["pass_at_K"])))
        print_sentences(f"{label} against {base}")
        print_table(headings, rows, no_wrap=headings[1:])
        print_sentences("", *said["sentences"], said["transfer"], "")
    print_notes(summary["notes"])


def _cells(change: dict[str, float]) -> tuple[str, str, str]:
    moved = f"{change['base']:.3f} -> {change['tuned']:.3f}"
    return moved, f"{change['estimate']:+.3f}", f"{change['low']:+.3f} to {change['high']:+.3f}"
