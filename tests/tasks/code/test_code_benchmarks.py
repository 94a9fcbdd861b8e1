"""humaneval, humaneval+, mbpp and mbpp+ on rows written here in their published layouts, and on the real sets."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.cli.main import run as assay
from assay.errors import DataError, RecipeError, RunError
from assay.grading import sandbox as sandboxes
from assay.registry import lookup
from assay.tasks import TASKS, make_task, rows, stop_of, verify_all, wording_of
from assay.tasks.code.task import UNCONFINED, fenced, stub
from assay.types import Verdict

NAMES = ("humaneval", "humaneval+", "mbpp", "mbpp+")

HUMANEVAL = {
    "task_id": "HumanEval/7",
    "prompt": 'from typing import List\n\n\ndef twice(xs: List[float]) -> List[float]:\n    """ Each, doubled. """\n',
    "entry_point": "twice",
    "canonical_solution": "    return [2 * x for x in xs]\n",
    "test": "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate([1.0]) == [2.0]\n",
}
PLUS_HUB = HUMANEVAL | {
    "test": """import numpy as np


def is_floats(x) -> bool:
    return isinstance(x, float) or (isinstance(x, (list, tuple)) and all(isinstance(i, float) for i in x))


def assertion(out, exp, atol):
    exact_match = out == exp
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        np.testing.assert_allclose(out, exp, atol=atol)
    else:
        assert exact_match


def check(candidate):
    inputs = [[[1.0]], [[0.5, -1.0]], [[]]]
    results = [[2.0], [1.0, -2.0], []]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)
"""
}
"""In the layout of the hub: `test` holds all inputs, results and a comparison that numpy helps with."""
PLUS_RELEASE = HUMANEVAL | {
    "contract": "", "base_input": [[[1.0]]], "plus_input": [[[0.5, -1.0]], [[]]], "atol": 0,
}  # fmt: skip
"""In the layout of HumanEvalPlus.jsonl: `test` is HumanEval's, and the inputs stand by themselves."""

FIRST_RIGHT = "def twice(xs):\n    return [2.0] if xs == [1.0] else xs"
"""Passes HumanEval's one test."""
NEARLY = "def twice(xs):\n    return [2 * x + 1e-9 for x in xs]"
"""Within a tolerance."""

MBPP_FULL = {
    "task_id": 601,
    "text": "Write a function to find the area.",
    "code": "import math\r\ndef area(r):\r\n  return math.pi * r * r",
    "test_list": ["assert math.isclose(area(1), 3.14159, rel_tol=1e-3)", "assert area(0) == 0"],
    "test_setup_code": "",
    "challenge_test_list": [],
}
MBPP_SANITIZED = {
    "task_id": 601,
    "source_file": "x",
    "prompt": "Write a function to find the area.",
    "code": "import math\ndef area(r):\n  return math.pi * r * r",
    "test_imports": ["import math"],
    "test_list": MBPP_FULL["test_list"],
}
MBPP_PLUS = MBPP_SANITIZED | {
    "test": "import numpy as np\nfrom math import inf\n\ninputs = [[0], [1], [2]]\nresults = [0, 3.141592653589793, "
    "12.566370614359172]\nfor i, (inp, exp) in enumerate(zip(inputs, results)):\n"
    "    np.testing.assert_allclose(area(*inp), exp)\n",
}
MBPP_HEADS = {
    "task_id": "MbppEval/601",
    "prompt": "def area(r):\n    '''\n    Write a function to find the area.\n    '''\n",
    "entry_point": "area ",
    "canonical_solution": "  return 3.14159265 * r * r\n",
    "test": "def check(candidate):\n    assert math.isclose(area(1), 3.14159, rel_tol=1e-3)\n    assert area(0) == 0\n",
}


@pytest.fixture(autouse=True)
def _no_local_copy(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "data" not in request.fixturenames:
        monkeypatch.delenv("ASSAY_DATA", raising=False)


def write(path: Path, values: Sequence[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


def one(tmp_path: Path, name: str, row: Mapping[str, Any]) -> Any:
    task = make_task(name, data=write(tmp_path / "rows.jsonl", [row]))
    (prompt,) = task.prompts("train" if name.startswith("mbpp") and "+" not in name else "test")
    return task, prompt


LAYOUTS = [
    ("humaneval", HUMANEVAL), ("humaneval+", PLUS_HUB), ("humaneval+", PLUS_RELEASE), ("mbpp", MBPP_FULL),
    ("mbpp", MBPP_SANITIZED), ("mbpp", MBPP_HEADS), ("mbpp+", MBPP_PLUS),
]  # fmt: skip


@pytest.mark.parametrize(("name", "row"), LAYOUTS)
def test_a_reference_is_right_and_what_is_not_one_is_wrong(sandbox: None, tmp_path: Path, name: str, row: dict) -> None:
    task, _ = one(tmp_path, name, row)
    checks = task.checks()
    scores = verify_all(task, [(each.prompt, each.response) for each in checks])
    assert [each.why for each, score in zip(checks, scores, strict=True) if score.verdict is not each.verdict] == []
    assert {each.verdict for each in checks} == {Verdict.RIGHT, Verdict.WRONG}


@pytest.mark.parametrize(
    ("name", "row", "program", "verdict"),
    [
        ("humaneval", HUMANEVAL, FIRST_RIGHT, Verdict.RIGHT),
        ("humaneval+", PLUS_HUB, FIRST_RIGHT, Verdict.WRONG),
        ("humaneval+", PLUS_RELEASE, FIRST_RIGHT, Verdict.WRONG),
        ("humaneval", HUMANEVAL, NEARLY, Verdict.WRONG),
        ("humaneval+", PLUS_HUB, NEARLY, Verdict.RIGHT),
        ("humaneval+", PLUS_RELEASE, NEARLY, Verdict.RIGHT),
        ("mbpp", MBPP_FULL, "def area(r): return 3.1416 * r", Verdict.RIGHT),
        ("mbpp+", MBPP_PLUS, "def area(r): return 3.141592653589793 * r", Verdict.WRONG),
        ("mbpp+", MBPP_PLUS, "def area(r): return 3.141592653589793 * r ** 2", Verdict.RIGHT),
    ],
)
def test_more_tests_see_more(
    sandbox: None, tmp_path: Path, name: str, row: dict, program: str, verdict: Verdict
) -> None:
    task, prompt = one(tmp_path, name, row)
    assert task.verify(prompt, fenced(program)).verdict is verdict


def test_any_zero_of_the_polynomial_will_do(sandbox: None, tmp_path: Path) -> None:
    """x^2 - 1 has two; the reference returns one."""
    row = PLUS_RELEASE | {
        "prompt": 'def find_zero(xs: list):\n    """ A zero. """\n', "canonical_solution": "    return 1.0\n",
        "entry_point": "find_zero", "base_input": [[[-1, 0, 1]]], "plus_input": [], "atol": 1e-4,
    }  # fmt: skip
    task, prompt = one(tmp_path, "humaneval+", row)
    verdicts = [task.verify(prompt, f"    return {zero}\n").verdict for zero in ("1.0", "-1.0", "0.5")]
    assert verdicts == [Verdict.RIGHT, Verdict.RIGHT, Verdict.WRONG]


@pytest.mark.parametrize(("name", "row"), LAYOUTS)
def test_a_problem_is_named_by_its_number(tmp_path: Path, name: str, row: dict) -> None:
    task, prompt = one(tmp_path, name, row)
    number = 7 if name.startswith("humaneval") else 601
    assert prompt.problem == f"{name}/{number}"
    assert task.prompt_of(prompt.problem) is task.prompt_of(f"HumanEval/{number}") is prompt
    with pytest.raises(DataError, match="none of its 1 problems"):
        task.prompt_of("HumanEval/8")


@pytest.mark.parametrize("row", [MBPP_FULL, MBPP_SANITIZED, MBPP_HEADS])
def test_all_layouts_of_mbpp_are_posed_alike(tmp_path: Path, row: dict) -> None:
    _, prompt = one(tmp_path, "mbpp:prompt=none", row)
    assert prompt.text == (
        '"""\nWrite a function to find the area.\nassert math.isclose(area(1), 3.14159, rel_tol=1e-3)\n"""\n'
    )
    assert prompt.gold.tests.entry_point == "area"


def test_the_name_that_the_tests_call_is_the_entry_point(sandbox: None, tmp_path: Path) -> None:
    """Here it is `check`, the helper `rev` has the head, and the check of the tests has the name as well."""
    row = MBPP_HEADS | {
        "prompt": "def rev(n):\n    '''\n    One less than twice its reverse?\n    '''\n", "entry_point": "rev",
        "canonical_solution": "    return int(str(n)[::-1])\ndef check(n):\n    return 2 * rev(n) == n + 1\n",
        "test": "def check(candidate):\n    assert check(70) == False\n    assert check(73) == True\n",
    }  # fmt: skip
    task, prompt = one(tmp_path, "mbpp", row)
    assert prompt.gold.tests.entry_point == "check"
    assert task.verify(prompt, fenced(prompt.gold.solution)).verdict is Verdict.RIGHT
    assert task.verify(prompt, fenced("def check(n): return False")).verdict is Verdict.WRONG


def test_tests_that_need_two_names_of_the_program_are_left_out(tmp_path: Path) -> None:
    pairs = MBPP_FULL | {
        "task_id": 602, "code": "class Pair:\n  pass\ndef longest(pairs):\n  return 1",
        "test_list": ["assert longest([Pair(5, 24)]) == 1"],
    }  # fmt: skip
    task = make_task("mbpp", data=write(tmp_path / "rows.jsonl", [MBPP_FULL, pairs]))
    assert [prompt.problem for prompt in task.prompts("train")] == ["mbpp/601"]


def test_mbpp_is_split_by_number_as_published(tmp_path: Path) -> None:
    numbers = [1, 10, 11, 510, 511, 601, 974]
    values = [MBPP_FULL | {"task_id": number} for number in numbers]
    task = make_task("mbpp", data=write(tmp_path / "test.jsonl", values))
    assert [prompt.problem for prompt in task.prompts("test")] == ["mbpp/11", "mbpp/510"]
    assert task.size("train") == 5


ERRORS = [
    ("humaneval", {"test": None}, "column 'test' is empty; expected code that defines check(candidate)"),
    ("humaneval", {"test": "assert True"}, "column 'test' defines no check(candidate)"),
    ("humaneval", {"entry_point": 7}, "column 'entry_point' holds int 7; expected the name of the function"),
    ("humaneval", {"prompt": ""}, "column 'prompt' is empty; expected imports, a function's head"),
    ("humaneval", {"task_id": 0.5}, "column 'task_id' holds 0.5; expected an identity"),
    ("humaneval+", {"plus_input": "[]", "base_input": []}, "expected lists of arguments in 'base_input'"),
    ("mbpp", {"code": None}, "there is no column 'code'"),
    ("mbpp", {"test_list": "assert area(1)"}, "column 'test_list' holds str; expected a list of texts"),
    ("mbpp", {"test_list": []}, "column 'test_list' is empty; expected a list of assertions"),
    ("mbpp", {"code": "def area(r) return 1"}, "the reference cannot be parsed"),
    ("mbpp", {"test_list": ["assert f(1) == 1"]}, "the tests call nothing that the reference defines, which is area"),
    ("mbpp", {"base_input": [], "plus_input": []}, "inputs in JSON lose their tuples and sets"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "said"), ERRORS)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, name: str, changes: dict, said: str) -> None:
    good = HUMANEVAL if name.startswith("humaneval") else MBPP_FULL
    bad = {key: value for key, value in (good | {"task_id": 602} | changes).items() if key != "code" or value}
    with pytest.raises(DataError) as caught:
        make_task(name, data=write(tmp_path / "rows.jsonl", [good, bad]))
    assert said in str(caught.value)
    assert "rows.jsonl, line 2" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [("humaneval", "HumanEval.jsonl"), ("humaneval+", "HumanEvalPlus.jsonl"), ("mbpp", "mbpp.jsonl"),
     ("mbpp+", "test.jsonl"), ("humaneval", "test.jsonl"), ("mbpp", "train.jsonl")],
)  # fmt: skip
def test_a_folder_has_the_published_file_or_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    folder = tmp_path / lookup("task", name, TASKS).about.folder
    folder.mkdir()
    write(folder / file, [MBPP_PLUS if name.startswith("mbpp") else HUMANEVAL])
    write(folder / "another.jsonl", [{"no": "row"}])
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path))
    task = make_task(name)
    assert sum(task.size(split) for split in ("train", "test")) == 1


HUB = {
    "humaneval": [("openai/openai_humaneval", "test")],
    "humaneval+": [("evalplus/humanevalplus", "test")],
    "mbpp": [("google-research-datasets/mbpp", "full", "test"), ("google-research-datasets/mbpp", "full", "train")],
    "mbpp+": [("evalplus/mbppplus", "test")],
}


@pytest.mark.parametrize("name", NAMES)
def test_without_a_local_copy_rows_come_from_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(*where: str, split: str) -> list[dict]:
        asked.append((*where, split))
        row = MBPP_PLUS if name.startswith("mbpp") else PLUS_HUB
        return [row | {"task_id": 20 if split == "test" else 700}]

    monkeypatch.setattr(rows, "resolve", lambda target: load_dataset)
    task = make_task(name)
    assert sorted(asked) == HUB[name]
    assert {split: task.size(split) for split in task.about.rows} == dict.fromkeys(task.about.rows, 1)
    assert task.about.source == HUB[name][0][0]


@pytest.mark.parametrize(
    ("spec", "row", "hash_"),
    [
        ("humaneval", HUMANEVAL, "67c890f92839"),
        ("humaneval:prompt=none", HUMANEVAL, "4c14cde8d2c7"),
        ("mbpp", MBPP_FULL, "4eaca6e19764"),
        ("mbpp:prompt=none", MBPP_FULL, "0b2fdccb87b7"),
    ],
)
def test_the_wordings_are_pinned(tmp_path: Path, spec: str, row: dict, hash_: str) -> None:
    """A changed text is another measurement: give it another name."""
    task, prompt = one(tmp_path, spec, row)
    text = json.dumps([prompt.text, prompt.messages])
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == hash_
    assert wording_of(task) == ("none" if "none" in spec else "instruct")
    assert (prompt.text is None) == (wording_of(task) == "instruct")


def test_a_text_to_continue_has_published_stop_strings(tmp_path: Path) -> None:
    assert stop_of(one(tmp_path, "humaneval:prompt=none", HUMANEVAL)[0]) == (
        "\nclass",
        "\ndef",
        "\n#",
        "\nif",
        "\nprint",
    )
    assert "\nassert" in stop_of(one(tmp_path, "mbpp:prompt=none", MBPP_FULL)[0])
    assert stop_of(one(tmp_path, "humaneval", HUMANEVAL)[0]) == ()


def test_programs_that_differ_in_layout_only_are_the_same_solution(tmp_path: Path) -> None:
    task, prompt = one(tmp_path, "humaneval", HUMANEVAL)
    same = [
        "def twice(xs):\n    return [2*x for x in xs]",
        'def twice(xs):\n  """Doubles."""\n  # each\n  return [2 * x\n          for x in xs]\n',
    ]
    another = "def twice(xs):\n    return [x + x for x in xs]"
    found = [task.labels(prompt, fenced(each)).solution for each in (*same, another, "def twice(:", "'''")]
    assert found[0] == found[1] != found[2]
    assert found[3:] == [None, None]
    assert task.labels(prompt, "I do not know.").solution is None


def test_without_a_sandbox_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, prompt = one(tmp_path, "humaneval", HUMANEVAL)
    monkeypatch.setattr(
        sandboxes, "why_not", lambda: "bubblewrap (bwrap) is not installed: on Debian, apt install bubblewrap"
    )
    with pytest.raises(RunError) as caught:
        task.verify(prompt, fenced("def twice(xs): return xs"))
    assert "apt install bubblewrap" in str(caught.value)
    assert f"sandbox={UNCONFINED}" in str(caught.value)


def test_commands_that_judge_refuse_before_they_load_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And those that only look at a task work without a sandbox."""
    monkeypatch.setattr(sandboxes, "why_not", lambda: "there is none")
    data, model, recipe = write(tmp_path / "rows.jsonl", [HUMANEVAL]), tmp_path / "model", tmp_path / "code.toml"
    recipe.write_text(
        f'name = "code"\nsteps = 1\nevaluation.every = 0\ntask.name = "humaneval"\nmodel.base = "{model}"\n'
    )
    out = tmp_path / "out.parquet"
    sample = ["sample", str(model), "--task", "humaneval", "--data", data, "-n", "1", "--out", str(out)]
    for command in (sample, ["train", str(recipe), "--data", data, "--out", str(tmp_path / "run")]):
        assert assay(command) == 2
        said = capsys.readouterr().err
        assert "code cannot be run safely: there is none" in said and UNCONFINED in said, said
    assert assay(["tasks", "show", "humaneval", "-n", "1", "--data", data]) == 0
    assert not (tmp_path / "run").exists() and not out.exists()


def test_the_danger_is_accepted_in_so_many_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then programs run without walls, and every row of a sample file says so in its task."""
    monkeypatch.setattr(sandboxes, "why_not", lambda: "there is none")
    task, prompt = one(tmp_path, f"humaneval:sandbox={UNCONFINED}", HUMANEVAL)
    assert prompt.task == task.spec == f"humaneval:sandbox={UNCONFINED}"
    assert task.verify(prompt, fenced(prompt.gold.solution)).verdict is Verdict.RIGHT
    assert task.verify(prompt, fenced("def twice(xs): return xs")).verdict is Verdict.WRONG
    with pytest.raises(RecipeError, match="sandbox"):
        one(tmp_path, "humaneval:sandbox=none", HUMANEVAL)


def test_the_references_of_humaneval_are_right(sandbox: None, data: Path) -> None:
    task = make_task("humaneval")
    prompts = task.prompts("test")
    assert len(prompts) == 164
    scores = verify_all(task, [(prompt, fenced(prompt.gold.solution)) for prompt in prompts])
    assert [prompt.problem for prompt, score in zip(prompts, scores, strict=True) if not score.correct] == []


def test_stubs_of_humaneval_are_wrong(sandbox: None, data: Path) -> None:
    """A third of them; the slow test below has all."""
    task = make_task("humaneval")
    pairs = [(prompt, fenced(stub(prompt.gold))) for prompt in task.prompts("test")[::3]]
    assert {score.verdict for score in verify_all(task, pairs)} == {Verdict.WRONG}


NOT_RIGHT = {"mbpp/88": "Counter", "mbpp/737": "Match", "mbpp/787": "Match", "mbpp/794": "Match"}
"""References that return what is no plain value, and of what type."""


def test_the_odd_references_of_mbpp(sandbox: None, data: Path) -> None:
    """Without docstring, with imports for the tests, called `check`, named otherwise; and NOT_RIGHT."""
    task = make_task("mbpp")
    numbers = (2, 6, 16, 18, 56, 70, 82, 115, 223, 300, 596, 751, 88, 737, 787, 794)
    prompts = [task.prompt_of(f"mbpp/{number}") for number in numbers]
    scores = verify_all(task, [(prompt, fenced(prompt.gold.solution)) for prompt in prompts])
    for prompt, score in zip(prompts, scores, strict=True):
        assert score.correct is (prompt.problem not in NOT_RIGHT), (prompt.problem, score.reason)
        if not score.correct:
            assert score.reason == f"exception: TypeError: a value of the type {NOT_RIGHT[prompt.problem]}"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["humaneval", "mbpp"])
def test_all_checks_of_the_real_sets(sandbox: None, data: Path, name: str) -> None:
    task = make_task(name)
    checks = task.checks()
    scores = verify_all(task, [(each.prompt, each.response) for each in checks])
    failed = {
        c.prompt.problem: c.verdict for c, score in zip(checks, scores, strict=True) if score.verdict is not c.verdict
    }
    assert failed == (dict.fromkeys(NOT_RIGHT, Verdict.RIGHT) if name == "mbpp" else {})
