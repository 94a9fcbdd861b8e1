"""`assay distill`: a student learns from a teacher's verified samples."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.progress import progress, say
from assay.cli.sample import Plan, check_plan, problem_count, sample_model
from assay.cli.train import run_training
from assay.distillation.traces import (
    is_judged,
    judge,
    read_rows,
    select,
    with_solutions,
    write_traces,
    yield_document,
)
from assay.errors import DataError, RecipeError, RunError
from assay.files import write_text
from assay.policies.references import find_model
from assay.recipe import load_any
from assay.registry import resolve
from assay.sft_recipe import SftRecipe
from assay.store import Run
from assay.tasks import Split, Task, check_machine, make_task, parse_spec, stop_of
from assay.training.start import prepared, start
from assay.types import Sampling

SAMPLES = 4
"""Responses a problem where -n is not given."""


@dataclass(frozen=True, slots=True)
class Student:
    """Who is to be trained, by which recipe, on what."""

    model: str
    recipe: Path
    overrides: list[str]


def command(
    task: Annotated[str, typer.Option(help="Task spec, for example compose:hard.")],
    student: Annotated[str | None, typer.Option(help="The model to train, unless --no-train.")] = None,
    teacher: Annotated[str | None, typer.Option(help="The model to sample, unless --traces.")] = None,
    out: Annotated[Path, typer.Option(help="Directory of samples, traces, yield and run.")] = Path("distilled"),
    traces: Annotated[Path | None, typer.Option(help="A sample file of any program instead of a teacher.")] = None,
    per_problem: Annotated[int | None, typer.Option(min=1, help="Traces to keep a problem; default all.")] = None,
    problems: Annotated[int | None, typer.Option(min=1, help="Problems; default all rows, or 256.")] = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help=f"Responses a problem; default {SAMPLES}.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="Sampling temperature; default 1.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Nucleus sampling; default 1, which is off.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Length limit, tokens; default the task's.")] = None,
    split: Annotated[Split, typer.Option(help="Split of the task.")] = "train",
    seed: Annotated[int, typer.Option(help="Of the samples, and of the choice among traces.")] = 0,
    data: Annotated[str | None, typer.Option(help="Local data for a task that reads rows.")] = None,
    template: Annotated[str | None, typer.Option(help="The teacher's prompt template; default auto.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe of kind sft; default the shipped one.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key of the recipe; repeatable.")] = None,
    train_: Annotated[bool, typer.Option("--train/--no-train", help="Train, or stop at the traces.")] = True,
) -> None:
    """Distil a teacher into a student: sample, keep what the verifier accepts, fine-tune on it.

    assay distill --teacher organism:teacher --student organism:code-base --task compose:hard --out distilled
    """
    how = {"--problems": problems, "-n": n, "--temperature": temperature, "--top-p": top_p, "--template": template}
    _check_source(teacher, traces, how)
    for model in filter(None, (teacher, student)):
        find_model(model)
    chosen = make_task(task, data)
    source = traces or out / "teacher.parquet"
    with as_file(files("assay.cli") / "distill.toml") as shipped:
        learner = None
        if train_:
            if student is None:
                raise RecipeError("give --student, the model to train, or --no-train to stop at the traces")
            learner = Student(student, recipe or shipped, _overrides(student, out, task, max_new_tokens, set_ or []))
            _check_student(learner)
        if teacher is not None:
            drawn = Sampling(
                temperature=1.0 if temperature is None else temperature, top_p=1.0 if top_p is None else top_p,
                max_new_tokens=max_new_tokens or chosen.max_new_tokens, stop=stop_of(chosen), seed=seed,
            )  # fmt: skip
            count = problem_count(chosen, split, problems)
            _sample(teacher, Plan(chosen, count, n or SAMPLES, drawn, template or "auto", split=split), source)
        _keep(source, chosen, out, split=split, per_problem=per_problem, seed=seed, teacher=teacher)
        if learner is not None:
            _train(learner, out, data)


def _check_source(teacher: str | None, traces: Path | None, how: Mapping[str, Any]) -> None:
    """Raises RecipeError unless samples come from one place, and `how` to sample is said of a teacher only."""
    if (teacher is None) == (traces is None):
        raise RecipeError("give either --teacher, a model to sample, or --traces, a file of samples")
    option = next((name for name, value in how.items() if value is not None), None)
    if traces is not None and option is not None:
        raise RecipeError(f"{option} says how to sample a teacher, and --traces are sampled already; leave it out")


def _overrides(student: str, out: Path, task: str, max_new_tokens: int | None, given: list[str]) -> list[str]:
    """What the recipe is told; what the user sets goes last."""
    options = ", ".join(f"{key} = {json.dumps(value)}" for key, value in parse_spec(task).items())
    base = str(Path(student).resolve()) if Path(student).is_dir() else student
    length = [] if max_new_tokens is None else [f"audit.max_new_tokens={max_new_tokens}"]
    own = [f"model.base={json.dumps(base)}", f"data.train={json.dumps(str(out / 'traces.jsonl'))}"]
    return [*own, f"task={{{options}}}", *length, *given]


def _check_student(student: Student) -> None:
    """Raises RecipeError or ModelError for a recipe or student that cannot be used: before anything is sampled."""
    found = load_any(student.recipe)
    if not isinstance(found, SftRecipe):
        raise RecipeError(f"{student.recipe}: trains by {found.kind}; expected a recipe of kind 'sft'")
    base = load_any(student.recipe, student.overrides).model.base
    resolve("assay.policies.load:load_tokenizer")(find_model(base))


def _sample(teacher: str, plan: Plan, file: Path) -> None:
    """Samples the teacher into the file, unless it is whole. Raises DataError where that would be in vain."""
    traces = file.with_name("traces.jsonl")
    if traces.exists() and not file.exists():
        raise DataError(f"{traces}: its samples, {file.name}, are not there; give another --out, or remove the traces")
    check_plan(plan, [file])
    sample_model(teacher, plan, file, of="the teacher")


def _keep(
    source: Path, task: Task, out: Path, *, split: Split, per_problem: int | None, seed: int, **told: Any
) -> None:
    """Writes traces.jsonl and yield.json, and prints what they hold. Raises DataError where nothing was accepted."""
    rows, prompts, other_split = read_rows(source, task, split)
    known = is_judged(rows, task, split)
    judged = int((~known).sum())
    if judged:
        check_machine(task)
        with progress("verifying", judged, "responses") as advance:
            rows = judge(rows, known, task, advance)
    traced = select(with_solutions(rows, task, prompts), prompts, per_problem, seed)
    found = yield_document(
        traced, rows, task=task.spec, split=split, **told, samples=str(source), judge=task.judge, judged=judged,
        per_problem=per_problem, seed=seed, other_split=other_split,
    )  # fmt: skip
    if not found["kept"]:
        raise DataError(
            f"{source}: the verifier accepts none of {found['sampled']:,} samples that ended by themselves "
            f"({found['truncated']:,} right ones ended for their length, {found['unknown']:,} could not be judged); "
            "take a better teacher, an easier task, more samples (-n), or more --max-new-tokens"
        )
    write_traces(out / "traces.jsonl", traced, task)
    write_text(out / "yield.json", json.dumps(found, indent=1, allow_nan=False) + "\n")
    print("\n".join(summary(found)))
    print(f"traces     {out / 'traces.jsonl'}\nyield      {out / 'yield.json'}")


def summary(found: Mapping[str, Any]) -> list[str]:
    """What to tell of the samples and of the traces made of them."""

    def share(name: str) -> str:
        each = found[name]
        return f"{each['estimate']:.3f} ({each['low']:.3f} to {each['high']:.3f})"

    tokens = "" if found["tokens_kept"] is None else f", {found['tokens_kept']:,} of {found['tokens_sampled']:,} tokens"
    samples = "sample" if found["judged"] == 1 else "samples"
    judged = f"judged     {found['judged']:,} {samples} that had no verdict of {found['judge']} by the task's golds"
    lines = [
        *([judged] if found["judged"] else []),
        f"accepted   {found['accepted']:,} of {found['sampled']:,} samples: yield {share('yield')}",
        f"covered    {found['covered']:,} of {found['problems']:,} problems: coverage {share('coverage')}",
        f"kept       {found['kept']:,} traces{tokens}",
    ]
    why = {
        "duplicates": "whose solution is there already",
        "beyond": "beyond --per-problem",
        "truncated": "right, but cut off at the length limit",
        "unknown": "that could not be judged",
        "other_split": "of problems of the other split",
    }
    left = [f"{found[name]:,} {words}" for name, words in why.items() if found[name]]
    return [*lines, *(f"left out   {each}" for each in left)]


def _train(student: Student, out: Path, data: str | None) -> None:
    """Trains the student in OUT/run, or continues it there. Raises RunError where the run there is another."""
    path = out / "run"
    is_new = not Run.is_run(path)
    if is_new:
        run = start(student.recipe, path, student.overrides, data, say)
    else:
        run = Run.open(path)
        if run.any_recipe.fingerprint != prepared(load_any(student.recipe, student.overrides), data).fingerprint:
            raise RunError(f"{path}: holds a run of another student or recipe; give another --out")
    run_training(run, data, is_new=is_new)
