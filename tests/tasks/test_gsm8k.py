"""The task gsm8k on rows written here, and on the real set where ASSAY_DATA has it."""

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from assay.errors import DataError, RecipeError
from assay.tasks import make_task, rows
from assay.types import Verdict

ROWS = [
    {"question": "Two eggs and three eggs?", "answer": "2 + 3 = <<2+3=5>>5\n#### 5"},
    {"question": "A thousand and two hundred?", "answer": "#### 1,200"},
    {"question": "Five less than two?", "answer": "#### -3"},
]


@pytest.fixture(autouse=True)
def _no_local_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_DATA", raising=False)


def write(path: Path, values: list[dict]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


def test_a_prompt_asks_for_a_box_in_a_users_message(tmp_path: Path) -> None:
    task = make_task("gsm8k", data=write(tmp_path / "test.jsonl", ROWS))
    prompt = task.prompts("test")[0]
    assert prompt.messages == (
        {
            "role": "user",
            "content": "Two eggs and three eggs?\n\n"
            "Please reason step by step, and put your final answer within \\boxed{}.",
        },
    )
    assert (prompt.gold, prompt.split, prompt.task) == ("5", "test", "gsm8k")
    assert prompt.columns == ROWS[0]


def test_the_wording_none_is_the_question_alone(tmp_path: Path) -> None:
    task = make_task("gsm8k:prompt=none", data=write(tmp_path / "test.jsonl", ROWS))
    prompt = task.prompts("test")[1]
    assert (prompt.text, prompt.messages, task.spec) == ("A thousand and two hundred?", None, "gsm8k:prompt=none")


def test_a_problem_is_the_same_in_every_copy_and_found_by_its_question(tmp_path: Path) -> None:
    one = make_task("gsm8k", data=write(tmp_path / "test.jsonl", ROWS))
    other = make_task("gsm8k:prompt=none", data=write(tmp_path / "b" / "test.jsonl", ROWS[::-1]))
    prompt = one.prompts("test")[0]
    assert prompt.problem == other.prompts("test")[2].problem
    assert one.prompt_of(prompt.problem) is one.prompt_of(" Two eggs and  three eggs?\n") is prompt
    with pytest.raises(DataError, match="problem 'Two eggs' is none of its 3 problems"):
        one.prompt_of("Two eggs")


def test_splits_by_folder_by_file_name_and_by_hash(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", ROWS[:1])
    test = write(tmp_path / "test.jsonl", ROWS[1:])
    folder = make_task("gsm8k", data=str(tmp_path))
    assert (folder.size("train"), folder.size("test")) == (1, 2)
    assert make_task("gsm8k", data=test).size("train") == 0
    many = [{"question": f"{n} and one?", "answer": f"#### {n + 1}"} for n in range(200)]
    hashed = make_task("gsm8k", data=write(tmp_path / "latest.jsonl", many))
    assert 5 < hashed.size("test") < 40
    assert hashed.size("train") + hashed.size("test") == 200


def test_a_local_copy_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "gsm8k" / "test.jsonl", ROWS)
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path))
    assert make_task("gsm8k").size("test") == 3
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(rows, "resolve", lambda target: lambda *where, split: ROWS[:2] if split == "test" else ROWS[2:])
    hub = make_task("gsm8k")
    assert (hub.size("train"), hub.size("test")) == (1, 2)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"answer": "#### 5"}, "test.jsonl, line 2: there is no column 'question'"),
        ({"question": "How many?", "answers": "#### 5"}, "there is no column 'answer', did you mean 'answers'?"),
        ({"question": "How many?", "answer": 5}, "line 2: column 'answer' holds int 5; expected a solution that ends"),
        ({"question": " ", "answer": "#### 5"}, "line 2: column 'question' is empty; expected the text of a problem"),
        (ROWS[0], "line 2 poses the same problem as"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: dict, said: str) -> None:
    with pytest.raises(DataError) as caught:
        make_task("gsm8k", data=write(tmp_path / "test.jsonl", [ROWS[0], row]))
    assert said in str(caught.value)


def test_an_unknown_option_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="unknown key 'promt', did you mean 'prompt'"):
        make_task("gsm8k:promt=none")


def test_an_unreadable_gold_is_unknown(tmp_path: Path) -> None:
    row = {"question": "How many?", "answer": "#### two or three"}
    task = make_task("gsm8k", data=write(tmp_path / "test.jsonl", [row]))
    (prompt,) = task.prompts("test")
    score = task.verify(prompt, r"\boxed{2}")
    assert (score.verdict, score.value) == (Verdict.UNKNOWN, None)
    assert "'two or three' is not one number" in str(score.reason)
    (check,) = task.checks()
    assert task.verify(check.prompt, check.response).verdict is not check.verdict


def test_reading_only_boxes_is_another_judge(tmp_path: Path) -> None:
    data = write(tmp_path / "test.jsonl", ROWS)
    boxed, lenient = make_task("gsm8k:read=boxed", data=data), make_task("gsm8k", data=data)
    prompt = boxed.prompts("test")[0]
    assert boxed.verify(prompt, "#### 5").verdict is Verdict.WRONG
    assert lenient.verify(prompt, "#### 5").verdict is Verdict.RIGHT
    assert boxed.verify(prompt, r"\boxed{5}").judge == "gsm8k.boxed@1"
    assert lenient.judge == "gsm8k.exact@1"


@pytest.mark.parametrize("read", ["any", "boxed"])
def test_every_check_holds_and_each_kind_is_there(tmp_path: Path, read: str) -> None:
    task = make_task(f"gsm8k:read={read}", data=write(tmp_path / "test.jsonl", ROWS))
    checks = task.checks()
    assert [check for check in checks if task.verify(check.prompt, check.response).verdict is not check.verdict] == []
    whys = {check.why for check in checks if check.verdict is Verdict.WRONG}
    assert {"sign flipped", "one more", "one less", "thousand separator moved", "two values in a box"} <= whys
    assert {"gold in the work, another answer", "no answer", "empty response"} <= whys


def test_strategy_labels(tmp_path: Path) -> None:
    task = make_task("gsm8k", data=write(tmp_path / "test.jsonl", ROWS))
    prompt = task.prompts("test")[0]
    assert task.labels(prompt, "```python\nprint(2 + 3)\n```").strategy == "code"
    assert task.labels(prompt, "She prints 2 + 3.").strategy == "prose"
    assert task.labels(prompt, "anything").solution is None
    assert task.guess_probability(prompt) is None


def test_the_real_set(data: Path) -> None:
    """7,473 and 1,319 rows; every reference solution is right, and wrong for the next problem unless golds agree."""
    task = make_task("gsm8k", data=str(data / "gsm8k"))
    assert (task.size("train"), task.size("test")) == (7473, 1319)
    prompts = task.prompts("test")
    solutions = [prompt.columns["answer"] for prompt in prompts]
    assert all(task.verify(p, s).correct for p, s in zip(prompts, solutions, strict=True))
    for before, after in pairwise(prompts):
        same = before.gold.replace(",", "") == after.gold.replace(",", "")
        assert task.verify(before, after.columns["answer"]).correct is same


def test_a_thousand_answers_are_graded_in_half_a_second(data: Path) -> None:
    """Measured .07 s on one core; the limit leaves room for a busy machine."""
    task = make_task("gsm8k", data=str(data / "gsm8k" / "test.jsonl"))
    pairs = [(prompt, prompt.columns["answer"]) for prompt in task.prompts("test", 1000)]
    start = time.perf_counter()
    scores = [task.verify(prompt, response) for prompt, response in pairs]
    assert time.perf_counter() - start < 0.5
    assert all(score.correct for score in scores)
