"""Rooms, layers and walls: who may import whom (ARCHITECTURE.md)."""

import ast
import graphlib
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions

import pytest
from walk_source import ROOT, Import, imports, imports_of, modules, reached, tree_of

LAYERS = {
    0: {"types", "errors", "registry", "config", "recipe", "reward_recipe", "sft_recipe", "files", "stats", "seeds"},
    1: {"store", "samples", "preferences", "annotators", "demonstrations", "grading", "tasks", "batch"},
    2: {"policies", "algorithms", "audits"},
    3: {"rollout", "rewards", "weights", "report"},
    4: {"training"},
    5: {"distillation", "organisms"},
    6: {"studies"},
    7: {"cli", "__main__"},
}
"""Layer -> its rooms, the modules and packages directly under `assay`. A room imports its own layer and those below."""

TORCH_FREE = {
    *LAYERS[0], "store", "samples", "preferences", "annotators", "demonstrations", "tasks", "grading", "audits",
    "report",
}  # fmt: skip
"""Rooms that import neither torch nor transformers, whatever they import in turn."""

TORCH_FREE_MODULES = {
    "assay.cli.main", "assay.cli.prefer", "assay.cli.report", "assay.studies.file", "assay.studies.matrix",
    "assay.studies.cells", "assay.studies.question", "assay.studies.rows", "assay.studies.gain",
    "assay.studies.clipping", "assay.studies.strategies", "assay.studies.temperatures", "assay.studies.generality",
    "assay.studies.lengths", "assay.studies.document",
}  # fmt: skip
"""Modules of other rooms that do not either."""

NEVER = [("audits", "training"), ("training", "audits"), ("training", "report")]
"""An audit must not trust the code it audits, nor the code know that it will be audited."""

ALGORITHMS_SEE = {
    "torch",
    "numpy",
    "pydantic",
    "assay.types",
    "assay.batch",
    "assay.config",
    "assay.errors",
    "assay.algorithms",
}
"""Beside the standard library."""


def room(module: str) -> str:
    """'assay.tasks.compose' -> 'tasks'; the package itself is ''."""
    return module.split(".")[1] if "." in module else ""


def layer(module: str) -> int:
    """The layer of a module; the package itself, which holds only the version, is below all."""
    name = room(module)
    return next((number for number, rooms in LAYERS.items() if name in rooms), -1)


def ours(imports_found: list[Import]) -> list[Import]:
    return [each for each in imports_found if each.imported.split(".")[0] == "assay"]


def show(broken: list[Import]) -> str:
    return "\n".join(f"{each.importer}, line {each.line}, imports {each.imported}" for each in broken)


def test_there_is_source() -> None:
    assert {"assay.types", "assay.cli.main", "assay.tasks"} <= set(modules())


def test_every_room_has_a_layer() -> None:
    """A new room gets its line in LAYERS, and in ARCHITECTURE.md."""
    placed = set().union(*LAYERS.values()) | {""}
    assert {room(module) for module in modules()} <= placed


def test_imports_go_downwards() -> None:
    broken = [each for each in ours(list(imports())) if layer(each.imported) > layer(each.importer)]
    assert not broken, show(broken)


def test_no_cycle_of_modules() -> None:
    graph = {
        name: {each.imported for each in ours(list(imports_of(name))) if not each.for_types_only} - {name}
        for name in modules()
    }
    list(graphlib.TopologicalSorter(graph).static_order())


def test_no_cycle_of_rooms() -> None:
    graph: dict[str, set[str]] = {}
    for each in ours(list(imports())):
        if room(each.importer) != room(each.imported):
            graph.setdefault(room(each.importer), set()).add(room(each.imported))
    list(graphlib.TopologicalSorter(graph).static_order())


def test_no_relative_import() -> None:
    broken = [each for each in imports() if each.imported.startswith(".")]
    assert not broken, show(broken)


def test_no_import_inside_a_function() -> None:
    """But for packages declared as extras. What must not be loaded at once is named in a registry and resolved."""
    broken = [each for each in imports() if each.in_function and top(each) not in optional_packages()]
    assert not broken, show(broken)


def test_only_the_registry_imports_by_name() -> None:
    calls = [
        f"{name}, line {node.lineno}"
        for name in modules()
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.Call) and re.search(r"\b(import_module|__import__)$", ast.unparse(node.func))
    ]
    assert [call.split(",")[0] for call in calls] == ["assay.registry"], calls


@pytest.mark.parametrize(("inside", "outside"), NEVER)
def test_walls(inside: str, outside: str) -> None:
    for module in modules():
        if room(module) == inside:
            for found, chain in reached(module).items():
                assert room(found) != outside or not found.startswith("assay."), " -> ".join(chain)


def test_algorithms_see_only_tensors_and_records() -> None:
    allowed = ALGORITHMS_SEE | sys.stdlib_module_names
    broken = [
        each
        for each in imports()
        if room(each.importer) == "algorithms"
        and not any(each.imported == name or each.imported.startswith(f"{name}.") for name in allowed)
    ]
    assert not broken, show(broken)


def test_torch_free_rooms_reach_no_torch() -> None:
    for module in modules():
        if room(module) in TORCH_FREE or module in TORCH_FREE_MODULES:
            for found, chain in reached(module).items():
                assert found.split(".")[0] not in ("torch", "transformers"), " -> ".join(chain)


def top(each: Import) -> str:
    return each.imported.split(".")[0]


@cache
def providers() -> dict[str, set[str]]:
    """Top-level module -> the distributions that provide it, in lower case with dashes."""
    return {
        module: {owner.lower().replace("_", "-") for owner in owners}
        for module, owners in packages_distributions().items()
    }


def declared(requirements: list[str]) -> set[str]:
    """The top-level modules that the named distributions provide."""
    names = {re.split(r"[^\w.-]", each)[0].lower().replace("_", "-") for each in requirements}
    found = {module for module, owners in providers().items() if names & owners}
    return found | {name.replace("-", "_") for name in names}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def optional_packages() -> set[str]:
    extras = project()["optional-dependencies"]
    return declared([each for name, group in extras.items() if name != "dev" for each in group])


def test_every_imported_package_is_declared() -> None:
    known = declared(project()["dependencies"]) | optional_packages() | sys.stdlib_module_names | {"assay"}
    broken = [each for each in imports() if top(each) not in known and not each.imported.startswith(".")]
    assert not broken, show(broken)


def test_every_declared_package_is_imported() -> None:
    used = {top(each) for each in imports()}
    unused = [each for each in project()["dependencies"] if not declared([each]) & used]
    assert not unused
