r"""`mbpp` (arXiv 2108.07732) and `mbpp+` (arXiv 2305.01210): short functions, described in a sentence.

Rows are read in four layouts. The hub's: `task_id`, `text` or `prompt` (the description), `code` (a reference),
`test_list` (assertions that call the function by its name), `test_setup_code` or `test_imports`; in MBPP+ also `test`,
the code of all its tests. And one like HumanEval's: `task_id`, `prompt` (a head and a docstring, which is the
description), `canonical_solution`, `test` with check(candidate).

What a model sees is the description and the first assertion in a docstring, in any layout: so it knows the name that
the tests call. That name is found, not read: the one name that the tests call and the reference defines. Of tests that
use two, as those that build objects of the program's own class, only the program could make sense, so the row is left
out. Before tests are run: `import math`, which some forget, and what the reference imports.
"""

import ast
from typing import Any, ClassVar

from assay.errors import DataError
from assay.tasks import About, Split
from assay.tasks.code.benchmarks import CodeBenchmark, Options, Posed
from assay.tasks.code.extract import parsed
from assay.tasks.code.grade import Tests
from assay.tasks.code.task import Gold
from assay.tasks.row_task import Hub
from assay.tasks.rows import Row

__all__ = ["Mbpp", "MbppPlus", "Options"]

TEST = range(11, 511)
"""Numbers of MBPP's test problems, as published; 601 to 974 are for training, 511 to 600 and 1 to 10 for neither."""


class Mbpp(CodeBenchmark):
    """Short functions; see the module's text."""

    name = "mbpp"
    hub = Hub("google-research-datasets/mbpp", "full", train="train")
    files: ClassVar[tuple[str, ...]] = ("mbpp.jsonl", "sanitized.jsonl")
    stops = ("\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n<|/", "\n```")  # bigcode-evaluation-harness
    about = About(
        what="short Python functions from a sentence and a test",
        source=hub.id,
        licence="CC-BY-4.0",
        floor="none known",
        folder="mbpp",
        rows={"train": 374, "test": 500},
    )

    def split_of(self, number: str) -> Split:
        """By its number, as published; what is published for neither is of the train split where a copy has it."""
        return "test" if number.isdigit() and int(number) in TEST else "train"

    def posed(self, row: Row) -> Posed | None:
        """The description and the first assertion; None where the tests use more than one name of the program."""
        if "plus_input" in row.values:
            raise DataError(
                f"{row.where}: inputs in JSON lose their tuples and sets, so this layout is not read; "
                "expected that of the hub, evalplus/mbppplus, with a column 'test'"
            )
        like_humaneval = "canonical_solution" in row.values
        text, program, imports = _with_head(row) if like_humaneval else _described(row)
        tree = _tree(program, row, "the reference")
        tests = row.text("test", "tests") if like_humaneval or "test" in row.values else "\n".join(_assertions(row))
        tested = _tree(f"{imports}\n{tests}", row, "the tests")
        first = _first_assertion(tests, row) if like_humaneval else _assertions(row)[0]
        names = _defined(tree) & _used(tested)
        if not names:
            defined = ", ".join(sorted(_defined(tree))) or "nothing"
            raise DataError(f"{row.where}: the tests call nothing that the reference defines, which is {defined}")
        if len(names) > 1:
            return None
        imported = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        setup = "\n".join(["import math", *imported, imports])
        gold = Gold(Tests(names.pop(), tests, setup, calls_check=like_humaneval), solution=program)
        return Posed(f'"""\n{text.strip()}\n{first}\n"""\n', gold)


class MbppPlus(Mbpp):
    """378 problems of MBPP with some 35 times as many tests; see the module's text."""

    name = "mbpp+"
    hub = Hub("evalplus/mbppplus")
    files = ()
    about = About(
        what="MBPP with many more tests",
        source=hub.id,
        licence="Apache-2.0",
        floor="none known",
        folder="mbppplus",
        rows={"test": 378},
    )

    def split_of(self, number: str) -> Split:
        """All are for evaluation, although some are train problems of MBPP."""
        return "test"


def _described(row: Row) -> tuple[str, str, str]:
    """Description, reference and what the tests need, of a row of the hub."""
    code = row.text("code", "a reference that passes the tests").replace("\r\n", "\n")
    setup = str(row.values.get("test_setup_code") or "").replace("\r\n", "\n")
    return row.text_of(("text", "prompt"), "a description"), code, "\n".join([*_texts(row, "test_imports"), setup])


def _with_head(row: Row) -> tuple[str, str, str]:
    """Description, reference and "", of a row whose prompt is a head and a docstring.

    The docstring is not part of the reference: bodies are indented in other ways than it is.
    """
    head = row.text("prompt", "a function's head and its docstring")
    *_, function = [None, *(node for node in _tree(head, row, "the prompt").body if isinstance(node, ast.FunctionDef))]
    text = ast.get_docstring(function) if function else None
    if function is None or text is None:
        raise DataError(
            f"{row.where}: column 'prompt' has no function with a docstring; expected a head and a docstring"
        )
    lines = head.splitlines(keepends=True)[: function.body[0].lineno - 1]
    return text, "".join(lines) + row.text("canonical_solution", "the body of a reference"), ""


def _assertions(row: Row) -> list[str]:
    found = _texts(row, "test_list")
    if not found:
        raise DataError(f"{row.where}: column 'test_list' is empty; expected a list of assertions")
    return found


def _texts(row: Row, column: str) -> list[str]:
    values: Any = row.values.get(column)
    if values is None:
        values = []
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise DataError(f"{row.where}: column {column!r} holds {type(values).__name__}; expected a list of texts")
    return [each.replace("\r\n", "\n") for each in values]


def _tree(code: str, row: Row, what: str) -> ast.Module:
    tree = parsed(code)
    if tree is None:
        raise DataError(f"{row.where}: {what} cannot be parsed; expected Python")
    return tree


def _first_assertion(tests: str, row: Row) -> str:
    found = next((node for node in ast.walk(_tree(tests, row, "the tests")) if isinstance(node, ast.Assert)), None)
    if found is None:
        raise DataError(f"{row.where}: column 'test' has no assertion; expected some in check(candidate)")
    return ast.get_source_segment(tests, found) or ast.unparse(found)


def _defined(tree: ast.Module) -> set[str]:
    """Functions and classes at the top of a program."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def _used(tree: ast.Module) -> set[str]:
    """Names that are read anywhere."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
