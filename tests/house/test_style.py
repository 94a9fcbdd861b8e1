"""How the code is written: lengths, docstrings, registries that resolve, nothing left half done."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from walk_source import ROOT, modules, repository_files, tree_of

from assay.registry import resolve

FILE_LINES = 400
FUNCTION_LINES = 60

TARGET = re.compile(r"[a-z_]\w*(\.\w+)+:\w+")
# Each word is cut in two, or this file would be its own first finding.
UNFINISHED = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b", r"\bHA" + r"CK\b"]))
# A path of somebody's machine, or an option that overrides the package index that pip is set up for.
ELSEWHERE = re.compile("|".join(["/ho" + r"me/\w", "/ro" + "ot/", "index-" + "url", "find-" + "links"]))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    """(module, function) for every function and method."""
    for name in modules():
        for node in ast.walk(tree_of(name)):
            if isinstance(node, Function):
                yield name, node


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in modules().items()}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    """From `def` to its end. A verb's options are its help: of those only the body counts."""
    long = {}
    for name, node in functions():
        verb = name.startswith("assay.cli.") and not node.name.startswith("_") and name != "assay.cli.main"
        first = node.body[0].lineno if verb else node.lineno
        assert node.end_lineno is not None
        if (lines := node.end_lineno - first + 1) > FUNCTION_LINES:
            long[f"{name}.{node.name}"] = lines
    assert long == {}


def test_everything_public_says_what_it_is() -> None:
    silent = [name for name in modules() if not ast.get_docstring(tree_of(name))]
    for name in modules():
        for node in tree_of(name).body:
            if (
                isinstance(node, Function | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                silent.append(f"{name}.{node.name}")
    assert silent == []


def test_no_exception_is_swallowed_unnamed() -> None:
    """No bare `except`; `except BaseException` only to clean up and raise on."""
    broken = []
    for name in modules():
        for node in ast.walk(tree_of(name)):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                if caught == "everything" or ("BaseException" in caught and not raises):
                    broken.append(f"{name}, line {node.lineno}")
    assert broken == []


def registries() -> dict[str, dict[str, str]]:
    """'assay.tasks.TASKS' -> its literal of name -> "module:object", for every such dictionary in the package."""
    found = {}
    for name in modules():
        for node in tree_of(name).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                table = _targets(node.value)
                if table:
                    found[f"{name}.{ast.unparse(target)}"] = table
    return found


def _targets(node: ast.Dict) -> dict[str, str]:
    try:
        table = ast.literal_eval(node)
    except ValueError:
        return {}
    first = {key: value[0] if isinstance(value, tuple) and value else value for key, value in table.items()}
    return {key: value for key, value in first.items() if isinstance(value, str) and TARGET.fullmatch(value)}


def test_the_registries_are_found() -> None:
    assert {"assay.tasks.TASKS", "assay.cli.main.VERBS"} <= set(registries())


@pytest.mark.parametrize("registry", registries())
def test_every_name_in_a_registry_resolves(registry: str) -> None:
    for target in registries()[registry].values():
        assert callable(resolve(target)), target


def test_nothing_is_left_half_done() -> None:
    assert matches(UNFINISHED) == []


def test_no_path_of_one_machine_and_no_package_index() -> None:
    """A file must be true on every machine, and leave pip's configuration to whoever runs it."""
    assert matches(ELSEWHERE) == []


def matches(pattern: re.Pattern[str]) -> list[str]:
    """'path:line: text' for every line of the repository that the pattern matches."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in repository_files()
        for number, line in enumerate(_lines(path), 1)
        if pattern.search(line)
    ]


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", errors="replace").splitlines()
