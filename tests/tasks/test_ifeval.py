"""The task ifeval on rows written here, in the layout of the published file."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.errors import DataError
from assay.tasks import make_task, rows
from assay.types import Verdict

ROWS: list[dict[str, Any]] = [
    {
        "key": 1,
        "prompt": "Name two rivers. Use no commas.",
        "instruction_id_list": ["punctuation:no_comma"],
        "kwargs": [{}],
    },
    {
        "key": 2,
        "prompt": "Praise the sea in 3 or more words, with two bullets.",
        "instruction_id_list": ["length_constraints:number_words", "detectable_format:number_bullet_lists"],
        "kwargs": [{"relation": "at least", "num_words": 3}, {"num_bullets": 2}],
    },
    {
        "key": 3,
        "prompt": "Say something in Kannada.",
        "instruction_id_list": ["language:response_language"],
        "kwargs": [{"language": "kn"}],
    },
]


@pytest.fixture(autouse=True)
def _no_local_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_DATA", raising=False)


def write(path: Path, values: list[dict[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


def test_a_prompt_is_a_users_message_as_it_is(tmp_path: Path) -> None:
    task = make_task("ifeval", data=write(tmp_path / "input_data.jsonl", ROWS))
    prompt = task.prompts("test")[0]
    assert prompt.messages == ({"role": "user", "content": "Name two rivers. Use no commas."},)
    assert (prompt.split, prompt.task, prompt.columns) == ("test", "ifeval", ROWS[0])
    assert prompt.gold == [{"id": "punctuation:no_comma", "kwargs": {}}]
    assert task.prompt_of(prompt.problem) is task.prompt_of("Name two rivers.  Use no commas.") is prompt
    assert task.guess_probability(prompt) is None


def test_all_rows_are_test_rows_whatever_the_file_is_called(tmp_path: Path) -> None:
    task = make_task("ifeval", data=write(tmp_path / "train-00000-of-00001.jsonl", ROWS))
    assert (task.size("train"), task.size("test")) == (0, 3)
    assert make_task("ifeval", data=str(tmp_path)).size("test") == 3
    with pytest.raises(DataError, match="has no rows of ifeval"):
        make_task("ifeval", data=write(tmp_path / "empty" / "readme.md", [])[: -len("/readme.md")])


def test_a_local_copy_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "resolve", lambda target: lambda hub, config, split: ROWS[:2])
    assert make_task("ifeval").size("test") == 2
    write(tmp_path / "ifeval" / "ifeval_input_data.jsonl", ROWS)
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path))
    assert make_task("ifeval").size("test") == 3


def test_a_value_for_each_instruction(tmp_path: Path) -> None:
    task = make_task("ifeval", data=write(tmp_path / "rows.jsonl", ROWS))
    prompt = task.prompts("test")[1]
    both, one = task.verify(prompt, "* deep\n* blue and wide"), task.verify(prompt, "* deep\n* blue")
    assert (both.verdict, both.value, both.steps, both.judge) == (Verdict.RIGHT, 1.0, (1.0, 1.0), "ifeval.strict@1")
    assert (one.verdict, one.value, one.steps) == (Verdict.WRONG, 0.0, (0.0, 1.0))
    assert one.reason == "not followed: length_constraints:number_words"


def test_the_loose_reading_is_another_judge(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.jsonl", ROWS)
    strict, loose = make_task("ifeval", data=data), make_task("ifeval:read=loose", data=data)
    prompt = loose.prompts("test")[0]
    assert strict.verify(prompt, "Sure, here:\nRhine and Po.").verdict is Verdict.WRONG
    score = loose.verify(prompt, "Sure, here:\nRhine and Po.")
    assert (score.verdict, score.judge, loose.spec) == (Verdict.RIGHT, "ifeval.loose@1", "ifeval:read=loose")


def test_parquet_fills_absent_arguments_with_nulls(tmp_path: Path) -> None:
    """As the hub stores it: every table of arguments has every key of the whole set."""
    pl.DataFrame(ROWS).write_parquet(tmp_path / "train.parquet")
    task = make_task("ifeval", data=str(tmp_path / "train.parquet"))
    prompt = task.prompts("test")[1]
    assert None in prompt.gold[0]["kwargs"].values()
    assert task.verify(prompt, "* deep\n* blue and wide").steps == (1.0, 1.0)


@pytest.mark.parametrize("read", ["strict", "loose"])
def test_every_check_holds(tmp_path: Path, read: str) -> None:
    task = make_task(f"ifeval:read={read}", data=write(tmp_path / "rows.jsonl", ROWS))
    checks = task.checks()
    assert [check for check in checks if task.verify(check.prompt, check.response).verdict is not check.verdict] == []
    assert [check.why for check in checks] == [
        "empty response",
        "misses punctuation:no_comma",
        "follows punctuation:no_comma",
        "empty response",
        "misses length_constraints:number_words",
        "misses detectable_format:number_bullet_lists",
        "empty response",
        "misses language:response_language",
    ]


def test_an_unknown_instruction_is_met_by_the_checks(tmp_path: Path) -> None:
    row = {**ROWS[0], "instruction_id_list": ["punctuation:no_commas"]}
    task = make_task("ifeval", data=write(tmp_path / "rows.jsonl", [row]))
    (check,) = task.checks()
    score = task.verify(check.prompt, "No comma.")
    assert score.verdict is Verdict.UNKNOWN
    assert "did you mean 'punctuation:no_comma'" in str(score.reason)
    assert task.verify(check.prompt, check.response).verdict is not check.verdict


def test_a_language(tmp_path: Path) -> None:
    task = make_task("ifeval", data=write(tmp_path / "rows.jsonl", ROWS))
    prompt = task.prompts("test")[2]
    assert task.verify(prompt, "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಹುಟ್ಟಿದ್ದಾರೆ.").verdict is Verdict.RIGHT
    assert task.verify(prompt, "All human beings are born free.").verdict is Verdict.WRONG


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompt": None}, "rows.jsonl, line 2: column 'prompt' is empty; expected the text of a prompt"),
        ({"key": None}, "line 2: column 'key' is empty"),
        ({"kwargs": "{}"}, "line 2: column 'kwargs' holds '{}'; expected a list with an entry for each instruction"),
        ({"instruction_id_list": []}, "line 2: column 'instruction_id_list' holds '[]'; expected a list"),
        ({"kwargs": [{}]}, "line 2: 'instruction_id_list' has 2 entries and 'kwargs' 1; expected one of each"),
        (ROWS[0], "line 2 poses the same problem as"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as caught:
        make_task("ifeval", data=write(tmp_path / "rows.jsonl", [ROWS[0], {**ROWS[1], **change}]))
    assert said in str(caught.value)


def test_instructions_of_ones_own_are_a_file_for_jsonl(tmp_path: Path) -> None:
    gold = {"instruction_id_list": ["startend:quotation"], "kwargs": [{}]}
    data = write(tmp_path / "rows.jsonl", [{"prompt": "Quote.", "answer": gold}])
    task = make_task("jsonl:verifier=instructions:test_share=1", data=data)
    (prompt,) = task.prompts("test")
    assert task.verify(prompt, '"So."').verdict is Verdict.RIGHT
    checks = task.checks()
    assert {check.verdict for check in checks} == {Verdict.RIGHT, Verdict.WRONG}
    assert [check for check in checks if task.verify(prompt, check.response).verdict is not check.verdict] == []
