"""`assay tasks`: list the tasks, show their problems, check their verifiers."""

import re
from collections import Counter
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from rich.console import Console
from rich.table import Table

from assay.cli.progress import progress
from assay.errors import RecipeError
from assay.registry import lookup, resolve
from assay.tasks import TASKS, About, Check, Split, Task, make_task, verify_all, wording_of
from assay.tasks.row_task import local_copy
from assay.types import Score

HEADINGS = ("task", "Hugging Face id", "split", "rows", "verifier", "licence", "prompt", "guess floor")
WIDTHS = {"Hugging Face id": 23, "verifier": 17}
"""Characters of columns that fold in a terminal; the last one wraps into what is left."""
SHOWN_FAILURES = 20
"""Kinds of failed checks that are printed, each with an example; the others are counted."""
VARIES = re.compile(r"'[^']*'|\d+")
"""What of a reason makes no other kind of failure: what it quotes, and numbers."""
SHOWN_GOLD = 2000
"""Characters of a gold that are printed: tests of a program may be megabytes."""
CHUNK = 500
"""Checks that are judged together."""

app = typer.Typer(help="List the tasks, show their problems and check their verifiers.")

Spec = Annotated[str, typer.Argument(metavar="TASK", help="A task spec, for example gsm8k or compose:edge.")]
Data = Annotated[str | None, typer.Option("--data", metavar="PATH", help="A local file or folder of the task's rows.")]


@app.command("list")
def list_tasks() -> None:
    """Show every task with its Hugging Face id, rows by split, verifier, licence, prompt wording and options.

    Example:

      assay tasks list
    """
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    console = Console()
    if not console.is_terminal:
        console.width = 1000  # a line a task: a pipe has no width
    for heading in HEADINGS:
        width = WIDTHS.get(heading) if console.is_terminal else None
        table.add_column(heading, overflow="fold", no_wrap=heading not in (*WIDTHS, HEADINGS[-1]), width=width)
    for name in TASKS:
        table.add_row(*_about(name))
    console.print(table)
    print("\n* not local: the published number\n\nwhat they are, and their options")
    for name in TASKS:
        print(f"  {name}: {lookup('task', name, TASKS).about.what}\n      {_options(name)}")


@app.command("show")
def show(
    task: Spec,
    problems: Annotated[int, typer.Option("-n", "--problems", min=1, help="How many problems.")] = 2,
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    seed: Annotated[int, typer.Option(help="Which problems are drawn.")] = 0,
    data: Data = None,
) -> None:
    """Print problems of a task as it poses them, with their gold answers.

    Example:

      assay tasks show compose:edge -n 3
    """
    made = make_task(task, data)
    wording = wording_of(made)
    for prompt in made.prompts(_split(split), problems, seed):
        print(f"problem {prompt.problem} ({prompt.split}{f', wording {wording}' if wording else ''})")
        for message in prompt.messages or ({"role": "text", "content": prompt.text or ""},):
            print(f"[{message['role']}]\n{message['content']}")
        gold = str(prompt.gold)
        print(f"[gold]\n{gold if len(gold) <= SHOWN_GOLD else gold[:SHOWN_GOLD] + ' ...'}\n")


@app.command("check")
def check(task: Spec, data: Data = None) -> None:
    """Prove that a task's golds are right and its near-misses wrong; exit code 1 where a verdict is another.

    Example:

      assay tasks check gsm8k --data gsm8k/test.jsonl
    """
    made = make_task(task, data)
    checks = made.checks()
    if not checks:
        raise RecipeError(f"task {task} has no checks; expected golds and near-misses from its method checks()")
    with progress(f"checking {made.spec}", len(checks), "checks") as advance:
        failed = _failures(made, checks, advance)
    _print_counts(checks, failed)
    print(f"{made.spec}, verifier {made.judge}: {len(checks) - len(failed)} of {len(checks)} verdicts as expected")
    kinds: dict[tuple[str, ...], list[tuple[Check, Score]]] = {}
    for each, score in failed:
        reason = VARIES.sub("", score.reason or "")
        kinds.setdefault((each.why, each.verdict, score.verdict, reason), []).append((each, score))
    for alike in list(kinds.values())[:SHOWN_FAILURES]:
        each, score = alike[0]
        print(f"  {len(alike):,} x {each.why}: expected {each.verdict}, got {score.verdict} ({score.reason})")
        print(f"    as {each.prompt.problem}: gold {_short(each.prompt.gold)}, response {_short(each.response)}")
    if len(kinds) > SHOWN_FAILURES:
        print(f"  and {len(kinds) - SHOWN_FAILURES} more kinds of failure")
    if failed:
        raise typer.Exit(1)


def _failures(task: Task, checks: Any, advance: Any) -> list[tuple[Check, Score]]:
    """Checks whose verdict is another than expected, each with the score that it got."""
    failed = []
    for start in range(0, len(checks), CHUNK):
        chunk = checks[start : start + CHUNK]
        for each, score in zip(chunk, verify_all(task, [(c.prompt, c.response) for c in chunk]), strict=True):
            if score.verdict is not each.verdict:
                failed.append((each, score))
        advance(len(chunk))
    return failed


def _print_counts(checks: Any, failed: list[tuple[Check, Score]]) -> None:
    total = Counter((each.verdict, each.why) for each in checks)
    bad = Counter((each.verdict, each.why) for each, _ in failed)
    width = max(len(why) for _, why in total)
    print(f"{'check':<{width}}  expected  checks  failed")
    for (verdict, why), count in total.items():
        print(f"{why:<{width}}  {verdict:<8}  {count:>6}  {bad[verdict, why]:>6}")


def _about(name: str) -> tuple[str, ...]:
    """One line of the list: what the task's class says about itself."""
    task = lookup("task", name, TASKS)
    about = task.about
    splits, rows = _rows(name, about)
    prompt = getattr(task, "wording", None) or "-"
    return name, about.source, splits, rows, task.judge, about.licence, prompt, about.floor


def _options(name: str) -> str:
    """The options of a task, from the model `Options` in its module."""
    fields = resolve(f"{TASKS[name].partition(':')[0]}:Options").model_fields
    return ", ".join(_option(key, field) for key, field in fields.items())


def _rows(name: str, about: About) -> tuple[str, str]:
    """Splits and their rows: those on this machine, else the published ones; nothing is loaded from elsewhere."""
    if about.folder is None:
        return "/".join(get_args(Split)), "without end" if about.source == "generated" else "yours"
    if local_copy(about.folder) is None:
        return "/".join(about.rows), "/".join(f"{count:,}" for count in about.rows.values()) + " *"
    task = make_task(name)
    sizes = {split: task.size(split) for split in get_args(Split) if split in about.rows}
    return "/".join(sizes), "/".join(f"{size:,}" for size in sizes.values())


def _option(key: str, field: Any) -> str:
    """'prompt=boxed|plain' for a choice, 'test_share=0.1' for a default, 'data' otherwise."""
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if get_origin(kind) is Literal]
    values = [value for kind in kinds for value in get_args(kind)]
    if values:
        return f"{key}={'|'.join(values)}"
    if field.is_required() or field.default in (None, ""):
        return key
    return f"{key}={str(field.default).lower() if isinstance(field.default, bool) else field.default}"


def _split(text: str) -> Literal["train", "test"]:
    if text not in get_args(Split):
        raise RecipeError(f"there is no split {text!r}; there are {' and '.join(get_args(Split))}")
    return "train" if text == "train" else "test"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:100] + "..."
