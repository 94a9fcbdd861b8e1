"""Setting up on a bare machine: what is missing is named in one sentence, before anything is made."""

import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from walk_source import ROOT, SOURCE

import assay

FIND_PYTHON = ROOT / ".ci" / "find_python"


def fake_python(folder: Path, name: str, version: str, lacks: str = "-") -> Path:
    """A program that answers as a Python of that version would, one that cannot import `lacks`."""
    path = folder / name
    newer = tuple(map(int, version.split("."))) >= (3, 11)
    path.write_text(f"""#!/bin/sh
case "$2" in
    *print*) echo {version} ;;
    *sys.exit*) exit {0 if newer else 1} ;;
    "import {lacks}") exit 1 ;;
esac
""")
    path.chmod(0o755)
    return path


def find(path: Path, python: str = "") -> subprocess.CompletedProcess[str]:
    """Runs find_python where PATH holds only that folder."""
    environment = {"PATH": str(path), "PYTHON": python}
    return subprocess.run(["/bin/sh", str(FIND_PYTHON)], env=environment, capture_output=True, text=True, timeout=20)


def test_a_good_python_is_found(tmp_path: Path) -> None:
    path = fake_python(tmp_path, "python3", "3.13")
    assert find(tmp_path).stdout == f"{path}\n"


def test_a_python_can_be_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    path = fake_python(tmp_path / "a folder", "python", "3.13")
    fake_python(tmp_path, "python3.11", "3.11")
    assert find(tmp_path, python=str(path)).stdout == f"{path}\n"


def test_the_first_good_one_is_taken(tmp_path: Path) -> None:
    """3.11 lacks ensurepip, so 3.12 is the one; the old python3 is not looked at."""
    fake_python(tmp_path, "python3.11", "3.11", lacks="ensurepip")
    path = fake_python(tmp_path, "python3.12", "3.12")
    fake_python(tmp_path, "python3", "3.9")
    assert find(tmp_path).stdout == f"{path}\n"


def test_this_python_is_good() -> None:
    done = find(Path("/usr/bin"), python=sys.executable)
    assert done.stdout == f"{sys.executable}\n", done.stderr


def test_a_launcher_without_its_python_is_passed_over(tmp_path: Path) -> None:
    launcher = tmp_path / "python3.11"
    launcher.write_text("#!/bin/sh\necho 'python3.11: command not found' >&2\nexit 127\n")
    launcher.chmod(0o755)
    assert "found no python3:" in find(tmp_path).stderr
    path = fake_python(tmp_path, "python3.12", "3.12")
    assert find(tmp_path).stdout == f"{path}\n"


@pytest.mark.parametrize(
    ("pythons", "sentence"),
    [
        ([], "needs Python 3.11 or newer and found no python3: install one"),
        ([("python3", "3.9", "-")], "needs Python 3.11 or newer and found only PATH/python3 (3.9): install one"),
        ([("python3.11", "3.11", "ensurepip")], "PATH/python3.11 has no ensurepip module: install python3.11-venv"),
        ([("python3", "3.12", "venv")], "PATH/python3 has no venv module: install python3.12-venv"),
    ],
)
def test_what_is_missing_is_one_sentence(pythons: list[tuple[str, str, str]], sentence: str, tmp_path: Path) -> None:
    for name, version, lacks in pythons:
        fake_python(tmp_path, name, version, lacks)
    done = find(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("assay: ") and done.stderr.count("\n") == 1
    assert sentence.replace("PATH", str(tmp_path)) in done.stderr
    assert "sudo apt install python3" in done.stderr


def test_every_pin_lies_in_its_range() -> None:
    """constraints.txt pins every package that pyproject.toml asks for."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in itertools.chain(project["dependencies"], *project["optional-dependencies"].values()):
        name, least = requirement.split(">=")
        pinned = pins[name.lower().replace("_", "-")]
        assert numbers(pinned) >= numbers(least), requirement


def test_every_file_of_the_package_is_installed() -> None:
    """What is no Python file must be listed as package data, or an installation that is no checkout lacks it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"][
        "assay"
    ]
    listed = {path for pattern in settings for path in SOURCE.glob(pattern)}
    needed = {path for path in SOURCE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert {str(path.relative_to(SOURCE)) for path in needed - listed} == set()


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def test_the_tests_test_this_checkout() -> None:
    """A copied folder brings a .venv that still points at the old one; then: rm -r .venv && make install."""
    assert Path(assay.__file__).is_relative_to(ROOT)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
