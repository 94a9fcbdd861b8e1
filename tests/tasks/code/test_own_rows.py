"""The task code: a user's own prompts with tests, or with cases of standard input."""

import base64
import json
import pickle
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError, RecipeError
from assay.tasks import make_task
from assay.tasks.code.task import fenced
from assay.types import Verdict

ROWS = [
    {
        "id": n,
        "question": f"Write add{n}(x), which adds {n}.",
        "tests": f"def check(candidate):\n    assert candidate(1) == {n + 1}\n",
        "name": f"add{n}",
        "answer": f"def add{n}(x):\n    return x + {n}\n",
    }
    for n in range(1, 5)
]
SPEC = "code:prompt=question:entry_point=name:problem=id:test_share=1"
SUM = "print(sum(map(int, input().split())))"
CASES = [{"input": "1 2\n", "output": "3\n"}, {"input": "1 2 3\n", "output": "6"}]


def write(path: Path, values: Sequence[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


def test_rows_become_prompts(sandbox: None, tmp_path: Path) -> None:
    task = make_task(SPEC, data=write(tmp_path / "quiz.jsonl", ROWS))
    prompt = task.prompt_of("2")
    assert (prompt.text, prompt.split, task.size("test")) == ("Write add2(x), which adds 2.", "test", 4)
    assert prompt.columns["answer"] == "def add2(x):\n    return x + 2\n"
    assert task.verify(prompt, fenced("def add2(x): return x + 2")).verdict is Verdict.RIGHT
    assert task.verify(prompt, fenced("def add2(x): return x + 3")).reason.startswith("wrong: AssertionError")
    assert task.verify(prompt, fenced("def add2(x): return x + y")).reason.startswith("exception: NameError")
    assert task.verify(prompt, "Add two.").reason == "no answer: there is no code in it"
    assert {each.verdict for each in task.checks()} == {Verdict.WRONG}


@pytest.mark.parametrize(
    "tests", ["assert add2(1) == 3\nassert add2(0) == TWO", ["assert add2(1) == 3", "assert add2(0) == TWO"]]
)
def test_assertions_call_the_function_by_its_name(sandbox: None, tmp_path: Path, tests: Any) -> None:
    row = ROWS[1] | {"tests": tests, "needs": "TWO = 2"}
    task = make_task(f"{SPEC}:setup=needs:solution=answer", data=write(tmp_path / "quiz.jsonl", [row]))
    checks = task.checks()
    assert [task.verify(each.prompt, each.response).verdict for each in checks] == [each.verdict for each in checks]
    assert checks[0].verdict is Verdict.RIGHT


def test_a_prompt_may_be_continued(sandbox: None, tmp_path: Path) -> None:
    row = ROWS[1] | {"question": "import math\ndef add2(x):\n"}
    task = make_task(f"{SPEC}:continues=true", data=write(tmp_path / "quiz.jsonl", [row]))
    assert task.verify(task.prompt_of("2"), "    return x + math.floor(2.5)\n").verdict is Verdict.RIGHT
    task = make_task(SPEC, data=write(tmp_path / "quiz.jsonl", [row]))
    assert task.verify(task.prompt_of("2"), "    return x + 2\n").reason == "no answer: there is no code in it"


@pytest.mark.parametrize(
    "cases",
    [
        CASES,
        json.dumps(CASES),
        [{**case, "testtype": "stdin"} for case in CASES],
        {"inputs": ["1 2\n", "1 2 3\n"], "outputs": ["3", "6"]},
        json.dumps({"inputs": ["1 2\n", "1 2 3\n"], "outputs": ["3", "6"]}),
        base64.b64encode(zlib.compress(pickle.dumps(json.dumps(CASES)))).decode(),
    ],
)
def test_cases_run_a_script(sandbox: None, tmp_path: Path, cases: Any) -> None:
    row = {"prompt": "Add the numbers.", "cases": cases}
    task = make_task("code:cases=cases:test_share=1:chat=true", data=write(tmp_path / "contest.jsonl", [row]))
    (prompt,) = task.prompts("test")
    assert prompt.messages == ({"role": "user", "content": "Add the numbers."},)
    assert task.verify(prompt, fenced(SUM)).verdict is Verdict.RIGHT
    assert task.verify(prompt, SUM).verdict is Verdict.RIGHT
    assert task.verify(prompt, fenced("a, b = map(int, input().split())\nprint(a + b)")).reason.startswith("exception")
    assert task.verify(prompt, fenced("print(3)")).reason == "wrong: case 2: another output"
    assert task.verify(prompt, "I would add them.").reason == "no answer: there is no code in it"


ERRORS = [
    ("", {"tests": None}, "column 'tests' is empty; expected tests: code, or a list of assertions"),
    ("", {"tests": 7}, "column 'tests' holds int; expected tests: code, or a list of assertions"),
    ("", {"tests": []}, "column 'tests' holds list; expected tests"),
    ("", {"tests": "assert add2(1) = 3"}, "the tests in column 'tests' are no Python"),
    ("", {"name": "add 2"}, "column 'name' holds 'add 2'; expected a function's name"),
    ("", {"question": 7}, "column 'question' holds int; expected a prompt"),
    (":solution=missing", {}, "there is no column 'missing'; expected a program that passes"),
    (":cases=cases", {"cases": []}, "column 'cases' holds no cases; expected cases: a list of"),
    (":cases=cases", {"cases": "no cases"}, "column 'cases': expected JSON, or packed test cases"),
    (":cases=cases", {"cases": [["1", "2"]]}, "case 1 of column 'cases' is not readable"),
    (":cases=cases", {"cases": [*CASES, {"input": "1", "output": 2}]}, "case 3 of column 'cases' is not readable"),
    (":cases=cases", {"cases": {"inputs": ["1"], "outputs": []}}, "column 'cases' holds no cases"),
    (":cases=cases", {"cases": {"fn_name": "f", "inputs": ["1"], "outputs": ["1"]}}, "column 'cases' holds no cases"),
    (
        ":cases=cases",
        {"cases": [{"input": "1", "output": "2", "testtype": "functional"}]},
        "type 'functional'; expected",
    ),
]


@pytest.mark.parametrize(("options", "changes", "said"), ERRORS)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, options: str, changes: dict, said: str) -> None:
    with pytest.raises(DataError) as caught:
        make_task(f"{SPEC}{options}", data=write(tmp_path / "quiz.jsonl", [ROWS[1] | changes]))
    assert said in str(caught.value)
    assert "quiz.jsonl, line 1" in str(caught.value)


def test_data_must_be_given() -> None:
    with pytest.raises(RecipeError, match="task code: no data is given"):
        make_task("code")


def test_repeated_problems_are_an_error_or_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "quiz.jsonl", [ROWS[0], ROWS[0]])
    with pytest.raises(DataError, match=r"line 2 poses the same problem.*duplicates=drop keeps the first"):
        make_task(SPEC, data=path)
    assert make_task(f"{SPEC}:duplicates=drop", data=path).size("test") == 1
