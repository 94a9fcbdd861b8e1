"""Reads the source of Assay without importing it: its modules, what each imports, and the files of the repository."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "assay"


@dataclass(frozen=True)
class Import:
    """One imported module, as written in `importer` at `line`."""

    importer: str
    imported: str
    line: int
    in_function: bool
    for_types_only: bool


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, for every module of the package."""
    return {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def name_of(path: Path) -> str:
    """'src/assay/tasks/__init__.py' -> 'assay.tasks'."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(name: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(modules()[name].read_text("utf-8"))


@cache
def imports_of(name: str) -> tuple[Import, ...]:
    """Every import in a module. `from assay.a import b` is an import of assay.a.b where that is a module."""
    return tuple(_imports(name, tree_of(name), in_function=False, for_types_only=False))


def imports() -> Iterator[Import]:
    """Every import in the package."""
    for name in modules():
        yield from imports_of(name)


def _imports(name: str, node: ast.AST, in_function: bool, for_types_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        found = []
        if isinstance(child, ast.Import):
            found = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            base = "." * child.level + (child.module or "")
            found = [f"{base}.{each.name}" if f"{base}.{each.name}" in modules() else base for each in child.names]
        yield from (Import(name, each, child.lineno, in_function, for_types_only) for each in dict.fromkeys(found))
        types_only = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(name, child, in_function or function, for_types_only or types_only)


def reached(start: str) -> dict[str, list[str]]:
    """Every module that importing `start` imports, ours or not -> the chain of modules that leads there.

    A package's `__init__` runs when a module of it is imported, so it counts; imports for types only do not.
    """
    chains = {start: [start]}
    todo = [start]
    while todo:
        name = todo.pop(0)
        parent = name.rpartition(".")[0]
        run = [each.imported for each in imports_of(name) if not each.for_types_only] if name in modules() else []
        for each in [*run, *([parent] if parent else [])]:
            if each not in chains:
                chains[each] = [*chains[name], each]
                todo.append(each)
    return chains


@cache
def repository_files() -> tuple[Path, ...]:
    """Every text file that is, or is about to be, part of the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:  # no checkout but an archive of one
        paths = [path for path in ROOT.rglob("*") if not any(part.startswith(".venv") for part in path.parts)]
    else:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return tuple(path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096])
