"""The task jsonl: a user's own rows and verifiers."""

import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.errors import AssayError, DataError, RecipeError
from assay.tasks import foreign, make_task, verify_all
from assay.types import Score, Verdict, right, wrong

ROWS = [{"id": n, "question": f"{n} and one?", "gold": str(n + 1), "topic": "sums"} for n in range(20)]
SPEC = "jsonl:prompt=question:answer=gold:verifier=number:problem=id"


def write(path: Path, values: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


def ends_with(response: str, gold: Any) -> bool | None:
    """A verifier of one's own, found by its name."""
    if gold == "raise":
        raise KeyError("the verifier's own mistake")
    return None if gold == "skip" else response.endswith(gold)


def ends_with_too(response: str, gold: str) -> bool | None:
    return ends_with(response, gold)


def hangs_on_hang(response: str, gold: str) -> bool:
    while response == "hang":
        time.sleep(1)
    return response == gold


def with_steps(response: str, gold: str) -> Score:
    """A verifier that judges each line but the last as a step: None for one that it cannot read."""
    *steps, answer = response.splitlines()
    values = [float(step) if step.replace(".", "", 1).isdigit() else None for step in steps]
    return right("steps@1", steps=tuple(values)) if answer == gold else wrong("steps@1", "no", steps=tuple(values))


def with_reason(response: str, gold: Any) -> Score:
    """A verifier that returns a Score."""
    return wrong("mine@2", "always")


def test_rows_become_prompts(tmp_path: Path) -> None:
    task = make_task(SPEC, data=write(tmp_path / "quiz.jsonl", ROWS))
    prompt = task.prompt_of("7")
    assert (prompt.problem, prompt.text, prompt.gold, prompt.messages) == ("7", "7 and one?", "8", None)
    assert prompt.columns == {"id": 7, "gold": "8", "topic": "sums"}
    assert task.verify(prompt, "It is 8.").verdict is Verdict.RIGHT
    assert task.verify(prompt, "It is 9.").verdict is Verdict.WRONG
    assert task.judge == "number@1"
    assert task.size("train") + task.size("test") == 20


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_other_formats_pose_the_same_problems(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame(ROWS)
    path = tmp_path / f"quiz.{suffix}"
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    ours = make_task(SPEC, data=str(path)).prompts("train")
    theirs = make_task(SPEC, data=write(tmp_path / "quiz.jsonl", ROWS)).prompts("train")
    assert [(p.problem, p.text, p.gold) for p in ours] == [(p.problem, p.text, p.gold) for p in theirs]


def test_a_recipes_table_is_the_same_task_as_a_spec(tmp_path: Path) -> None:
    data = write(tmp_path / "quiz.jsonl", ROWS)
    table = {"name": "jsonl", "data": data, "prompt": "question", "answer": "gold", "verifier": "number"}
    by_table = make_task({**table, "test_share": 0.5, "chat": True})
    by_spec = make_task(by_table.spec, data=data)
    assert by_table.spec == by_spec.spec
    assert by_spec.options == by_table.options
    assert by_spec.prompts("test", 5) == by_table.prompts("test", 5)
    assert data not in by_table.spec


def test_without_a_column_the_prompt_is_the_identity(tmp_path: Path) -> None:
    spec = "jsonl:prompt=question:answer=gold:verifier=number"
    task = make_task(spec, data=write(tmp_path / "quiz.jsonl", ROWS))
    other = make_task(spec, data=write(tmp_path / "other.jsonl", ROWS[::-1]))
    prompt = task.prompt_of("7 and one?")
    assert prompt.gold == "8"
    assert other.prompt_of(prompt.problem).text == "7 and one?"


def test_a_chat_prompt_keeps_its_messages(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Two and one?"}]
    row = {"prompt": messages, "answer": 3}
    task = make_task("jsonl:verifier=number:test_share=1", data=write(tmp_path / "chat.jsonl", [row]))
    (prompt,) = task.prompts("test")
    assert prompt.messages == tuple(messages)
    assert prompt.text is None
    chat = make_task(SPEC + ":chat=true", data=write(tmp_path / "quiz.jsonl", ROWS)).prompt_of("7")
    assert chat.messages == ({"role": "user", "content": "7 and one?"},)


def test_the_split_column_decides(tmp_path: Path) -> None:
    rows = [{**row, "part": "test" if row["id"] < 5 else "train"} for row in ROWS]
    task = make_task(SPEC + ":split=part", data=write(tmp_path / "quiz.jsonl", rows))
    assert [prompt.problem for prompt in task.prompts("test")] == ["0", "1", "2", "3", "4"]
    assert task.size("train") == 15


def test_without_one_the_split_does_not_depend_on_other_rows(tmp_path: Path) -> None:
    spec = SPEC + ":test_share=0.5"
    whole = make_task(spec, data=write(tmp_path / "all.jsonl", ROWS))
    part = make_task(spec, data=write(tmp_path / "part.jsonl", ROWS[::-2]))
    assert 0 < whole.size("test") < 20
    for prompt in part.prompts("test") + part.prompts("train"):
        assert whole.prompt_of(prompt.problem).split == prompt.split


def test_a_folder_brings_its_splits(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", ROWS[:15])
    write(tmp_path / "test.jsonl", ROWS[15:])
    task = make_task(SPEC, data=str(tmp_path))
    assert (task.size("train"), task.size("test")) == (15, 5)


def test_a_verifier_of_ones_own(tmp_path: Path) -> None:
    rows = [{"prompt": gold, "answer": gold} for gold in ("yes", "raise", "skip")]
    spec = f"jsonl:verifier={__name__}:ends_with:test_share=1"
    task = make_task(spec, data=write(tmp_path / "own.jsonl", rows))
    plain, raising, skipping = task.prompts("test")
    assert task.judge == f"{__name__}:ends_with"
    assert task.verify(plain, "oh yes").verdict is Verdict.RIGHT
    assert task.verify(plain, "no").verdict is Verdict.WRONG
    score = task.verify(raising, "raise")
    assert score.verdict is Verdict.UNKNOWN
    assert score.reason is not None
    assert score.reason.startswith('error: KeyError: "the verifier\'s own mistake" (test_jsonl.py, line')
    assert task.verify(skipping, "skip").verdict is Verdict.UNKNOWN
    assert make_task(task.spec, data=str(tmp_path / "own.jsonl")).judge == task.judge
    scored = make_task(f"jsonl:verifier={__name__}:with_reason", data=str(tmp_path / "own.jsonl"))
    assert scored.verify(plain, "x") == wrong("mine@2", "always")


def test_a_verifier_may_return_a_value_per_step(tmp_path: Path) -> None:
    data = write(tmp_path / "own.jsonl", [{"prompt": "?", "answer": "4"}])
    task = make_task(f"jsonl:verifier={__name__}:with_steps:test_share=1", data=data)
    (prompt,) = task.prompts("test")
    first, second, third = verify_all(task, [(prompt, text) for text in ("1\nsome\n0.5\n4", "0\n5", "4")])
    assert (first.verdict, first.value, first.steps) == (Verdict.RIGHT, 1.0, (1.0, None, 0.5))
    assert (second.verdict, second.value, second.steps) == (Verdict.WRONG, 0.0, (0.0,))
    assert third.steps == ()


def test_a_cause_of_failure_is_logged_once_with_its_traceback(tmp_path: Path, caplog) -> None:
    rows = [{"prompt": str(number), "answer": "raise"} for number in range(3)]
    data = write(tmp_path / "own.jsonl", rows)
    task = make_task(f"jsonl:verifier={__name__}:ends_with_too:test_share=1", data=data)
    scores = task.verify_many([(prompt, "raise") for prompt in task.prompts("test")])
    assert [score.verdict for score in scores] == [Verdict.UNKNOWN] * 3
    (record,) = caplog.records
    assert "ends_with_too raised" in record.getMessage() and "in ends_with" in record.getMessage()
    assert 'KeyError: "the verifier\'s own mistake" (test_jsonl.py, line' in record.getMessage().splitlines()[-1]


def test_a_verifier_that_hangs_stops_nothing(tmp_path: Path, monkeypatch) -> None:
    target = f"{__name__}:hangs_on_hang"
    data = write(tmp_path / "own.jsonl", [{"prompt": "p", "answer": "yes"}])
    task = make_task(f"jsonl:verifier={target}:test_share=1", data=data)
    monkeypatch.setattr(foreign._workers(target), "limit_seconds", 0.3)
    (prompt,) = task.prompts("test")
    scores = task.verify_many([(prompt, response) for response in ("yes", "hang", "no")])
    assert [str(score.verdict) for score in scores] == ["right", "unknown", "wrong"]
    assert scores[1].reason == "timeout: took longer than 0.3 s"


def test_choices_give_a_guess_floor(tmp_path: Path) -> None:
    data = write(tmp_path / "quiz.jsonl", [{"prompt": "Which?", "answer": "B"}])
    task = make_task("jsonl:verifier=choice:choices=ABCD:test_share=1", data=data)
    (prompt,) = task.prompts("test")
    assert task.guess_probability(prompt) == 0.25
    assert task.verify(prompt, "(B)").verdict is Verdict.RIGHT
    assert make_task("jsonl:verifier=choice", data=data).guess_probability(prompt) is None
    assert make_task("jsonl:verifier=exact", data=data).guess_probability(prompt) is None


@pytest.mark.parametrize(
    "verifier",
    [
        "number",
        "exact",
        "regex:pattern=<a>(.*)</a>:right_response=<a>{gold}</a>",
        f"{__name__}:ends_with",
    ],
)
def test_checks_hold(tmp_path: Path, verifier: str) -> None:
    spec = f"jsonl:prompt=question:answer=gold:problem=id:verifier={verifier}"
    task = make_task(spec, data=write(tmp_path / "quiz.jsonl", ROWS))
    checks = task.checks()
    assert {check.verdict for check in checks} == {Verdict.RIGHT, Verdict.WRONG}
    assert [check for check in checks if task.verify(check.prompt, check.response).verdict is not check.verdict] == []


def test_checks_find_a_pattern_that_does_not_fit(tmp_path: Path) -> None:
    spec = "jsonl:prompt=question:answer=gold:verifier=regex:pattern=<a>(.*)</a>"
    task = make_task(spec, data=write(tmp_path / "quiz.jsonl", ROWS))
    failed = [c for c in task.checks() if task.verify(c.prompt, c.response).verdict is not c.verdict]
    assert len(failed) == 20


def test_a_pattern_survives_in_a_spec(tmp_path: Path) -> None:
    data = write(tmp_path / "quiz.jsonl", ROWS)
    pattern = "x=([0-9]{1,3}):y=%2C"
    task = make_task(
        {"name": "jsonl", "data": data, "prompt": "question", "answer": "gold", "verifier": "regex", "pattern": pattern}
    )
    assert "," not in task.spec
    assert make_task(task.spec, data=data).options.pattern == pattern


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("jsonl:verifier=number", "there is no column 'prompt'; expected a prompt"),
        ("jsonl:prompt=question:verifier=number", "there is no column 'answer'; expected a gold answer"),
        ("jsonl:prompt=question:answer=gold", "'verifier' is missing; there are exact, number, choice"),
        (
            "jsonl:prompt=question:answer=gold:verifier=my.flaky",
            "unknown verifier 'my.flaky', did you mean 'my:flaky'?",
        ),
        ("jsonl:prompt=question:answer=gold:verifier=nubmer", "unknown verifier 'nubmer', did you mean 'number'?"),
        ("jsonl:prompt=question:answer=gold:verifier=nubmer", "or your own as module:function"),
        ("countdown", "task countdown is generated and takes no data; leave out --data"),
        ("jsonl:prompt=question:answer=gold:verifier=no_such:grade", "No module named 'no_such'"),
        ("jsonl:prompt=question:answer=gold:verifier=regex", "verifier=regex needs 'pattern'"),
        ("jsonl:prompt=question:answer=gold:verifier=regex:pattern=(", "is no regular expression"),
        ("jsonl:prompt=question:answer=gold:verifier=exact:pattern=a", "'pattern' is for verifier=regex"),
        ("jsonl:prompt=question:answer=gold:verifier=exact:choices=AB", "'choices' is for verifier=choice"),
        ("jsonl:prompt=question:answer=gold:verifier=choice:choices=4", "'choices'"),
        ("jsonl:prompt=question:answer=gold:verifier=exact:test_share=2", "'test_share'"),
        ("jsonl:prompt=question:answer=gold:verifier=exact:promtp=a", "unknown key 'promtp', did you mean 'prompt'?"),
        ("jsonl:prompt=question:answer=gold:verifier=exact:split=topic", "holds 'sums'; expected 'train' or 'test'"),
        ("jsonl:prompt=id:answer=gold:verifier=exact", "column 'id' holds int; expected a prompt"),
        ("jsonl:prompt=question:answer=gold:verifier=exact:problem=topic", "line 2 poses the same problem as"),
    ],
)
def test_mistakes_are_sentences(tmp_path: Path, spec: str, said: str) -> None:
    with pytest.raises(AssayError) as caught:
        make_task(spec, data=write(tmp_path / "quiz.jsonl", ROWS))
    assert said in str(caught.value)


def test_a_split_without_rows_says_what_to_do(tmp_path: Path) -> None:
    task = make_task(SPEC + ":test_share=0", data=write(tmp_path / "quiz.jsonl", ROWS))
    with pytest.raises(DataError, match=r"no test rows; give .*split=COLUMN.* another test_share \(it is 0\)"):
        task.prompts("test")


def test_no_data_is_a_sentence() -> None:
    with pytest.raises(RecipeError, match="no data is given; name a file with data=FILE in the task, or with --data"):
        make_task("jsonl:verifier=number")


@pytest.mark.parametrize(
    "posed", [[], [{"role": "user"}], [{"role": "user", "content": None}], ["text"], {"role": "user", "content": "a"}]
)
def test_unreadable_messages_are_named(tmp_path: Path, posed: Any) -> None:
    rows = [{"prompt": "fine", "answer": "1"}, {"prompt": posed, "answer": "1"}]
    with pytest.raises(DataError, match=r"chat\.jsonl, line 2: .*expected a prompt, as text or as a list of messages"):
        make_task("jsonl:verifier=number", data=write(tmp_path / "chat.jsonl", rows))


@pytest.mark.parametrize("value", [1.5, True, ["a"], None])
def test_an_identity_is_text_or_an_integer(tmp_path: Path, value: Any) -> None:
    with pytest.raises(DataError, match=r"line 1: column 'id' .*expected an identity, text or integer"):
        make_task(SPEC, data=write(tmp_path / "quiz.jsonl", [{**ROWS[0], "id": value}]))


def test_duplicates_can_be_dropped(tmp_path: Path) -> None:
    data = write(tmp_path / "quiz.jsonl", [*ROWS, ROWS[3]])
    with pytest.raises(DataError, match=r"line 21 poses the same problem as .*line 4.*; duplicates=drop keeps"):
        make_task(SPEC, data=data)
    with pytest.raises(DataError, match=r"with one gold answer$"):
        make_task(SPEC, data=write(tmp_path / "other.jsonl", [*ROWS, {**ROWS[3], "gold": "5"}]))
    task = make_task(SPEC + ":duplicates=drop", data=data)
    assert task.size("train") + task.size("test") == 20
