"""SECURITY.md names a test for each promise: they exist."""

import ast
import re

from walk_source import ROOT, SOURCE

TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "|---" not in line]
PICKLE = {
    "assay.grading.workers",
    "assay.grading.zygote",
    "assay.tasks.code.packed",
    "assay.tasks.reasoning_gym",
    "assay.tasks.reasoning_gym_score",
}
"""Both ends of what workers are sent, by the process that started them; and a reader that looks up no name."""


def known_tests(name: str) -> set[str]:
    """The tests in a file of that name, or the name itself if it is a test."""
    files = ROOT.glob(f"tests/**/{name}") if name.endswith(".py") else ROOT.glob("tests/**/test_*.py")
    found = {name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)}
    return found if name.endswith(".py") else found & {name}


def test_every_promise_names_tests_that_exist() -> None:
    named = re.findall(r"`(test_\w+(?:\.py)?)`", TEXT)
    assert len(named) > 25
    assert [name for name in named if not known_tests(name)] == []


def test_every_promise_names_a_test() -> None:
    """In its last column; those that promise nothing say so."""
    bare = [row for row in ROWS if not re.search(r"`test_\w+(\.py)?` \|$|\| (tests|none of ours|-) \|$", row)]
    assert bare == []


def test_there_are_at_least_60_attacks() -> None:
    assert sum(len(known_tests(path.name)) for path in (ROOT / "tests" / "attacks").glob("test_*.py")) >= 60


def test_what_is_unpickled_comes_from_this_program() -> None:
    """Nobody else loads pickles, and whoever loads tensors says that they are only tensors."""
    users, loads = set(), []
    for path in SOURCE.rglob("*.py"):
        name = ".".join(["assay", *path.relative_to(SOURCE).with_suffix("").parts])
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import) and any(each.name == "pickle" for each in node.names):
                users.add(name)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load", "joblib.load"):
                loads.append((name, "weights_only=True" in ast.unparse(node)))
    assert users <= PICKLE and all(safe for _, safe in loads)
