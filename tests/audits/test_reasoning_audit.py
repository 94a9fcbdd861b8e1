"""Correct-reasoning pass@k by hand, and the column that it is read from."""

from pathlib import Path

import pytest
from sample_rows import audit_rows, responses

from assay.rollout.columns import judged, reasoning
from assay.tasks import make_task
from assay.types import Labels, Score, right, unknown, wrong


def test_both_curves_are_over_the_responses_whose_steps_are_known(tmp_path: Path) -> None:
    """p: 4 responses, 2 right, 1 by right steps; at k = 2 right 1 - C(2,2)/C(4,2) = 5/6, reasoned 1 - C(3,2)/6 = 1/2.

    q's fifth response has unknown steps and counts in neither curve; q has no right one.
    """
    base = responses({"p": "1100", "q": "00001"})
    for row in base:
        row["reasoning"] = row["correct"] and row["member"] == 0
    base[-1]["reasoning"] = None
    found = audit_rows(tmp_path, base, [row | {"reasoning": False} for row in base])
    told = found["reasoning"]["base"]
    assert list(told["pass_at_k"]) == ["1", "2", "4"] and (told["problems"], told["responses"]) == (2, 8)
    assert told["right_answer"]["2"]["estimate"] == pytest.approx(5 / 12)
    assert told["pass_at_k"]["2"]["estimate"] == 0.25
    assert told["unreasoned"]["2"]["estimate"] == pytest.approx(5 / 12 - 1 / 4)
    assert found["comparisons"]["tuned"]["reasoning"] is not None


def test_without_the_column_nothing_is_said(tmp_path: Path) -> None:
    rows = responses({"p": "10", "q": "10"})
    found = audit_rows(tmp_path, [row | {"reasoning": row["correct"]} for row in rows], rows)
    assert found["reasoning"]["tuned"] is None and found["comparisons"]["tuned"]["reasoning"] is None
    assert found["reasoning"]["base"]["pass_at_k"]["1"]["estimate"] == 0.5


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (right("j", steps=(1.0, 1.0)), True),
        (right("j", steps=(1.0, 0.0)), False),
        (right("j", steps=(0.0, None)), False),
        (right("j", steps=(1.0, None)), None),
        (right("j", steps=()), False),
        (wrong("j", "no", steps=(1.0,)), False),
        (unknown("j", "?", steps=(1.0,)), None),
    ],
)
def test_reasoning_is_right_where_answer_and_all_steps_are(score: Score, expected: bool | None) -> None:
    assert reasoning(score) is expected


def test_a_task_that_checks_steps_fills_the_column_and_others_leave_it_empty(tmp_path: Path) -> None:
    compose = make_task("compose:seen")
    prompt, response = compose.checks()[0].prompt, compose.checks()[0].response
    assert judged(compose, compose.verify(prompt, response), Labels())["reasoning"] is True
    bare = f"prose answer {prompt.gold}"
    assert (
        compose.verify(prompt, bare).correct
        and not judged(compose, compose.verify(prompt, bare), Labels())["reasoning"]
    )
    (tmp_path / "test.jsonl").write_text('{"question": "1 + 1?", "answer": "#### 2"}\n')
    gsm8k = make_task("gsm8k", str(tmp_path / "test.jsonl"))
    score = gsm8k.verify(gsm8k.prompts("test")[0], "The answer is 2")
    assert score.correct and judged(gsm8k, score, Labels())["reasoning"] is None
