"""How fast mathematics is judged, after start, on two cores."""

import json
import time

import pytest

from assay.tasks.gsm8k import Gsm8k, Options
from assay.tasks.math.cases import math_cases
from assay.tasks.math.grade import Rules, grade, grade_many


def seconds_for(pairs) -> float:
    grade(r"\boxed{\sqrt{8}}", r"2\sqrt{2}")  # starts the workers
    began = time.perf_counter()
    grade_many([(response, gold, Rules()) for response, gold in pairs])
    return time.perf_counter() - began


@pytest.mark.slow
def test_1000_answers_to_gsm8k_take_less_than_2_seconds(data) -> None:
    task = Gsm8k(Options(data=str(data / "gsm8k" / "test.jsonl")))
    checks = task.checks()[:: max(1, len(task.checks()) // 1000)][:1000]
    assert len(checks) == 1000
    assert seconds_for([(check.response, check.prompt.gold) for check in checks]) < 2


@pytest.mark.slow
def test_1000_golds_and_near_misses_of_math500_take_less_than_10_seconds(data) -> None:
    rows = [json.loads(line) for line in (data / "math500" / "test.jsonl").read_text("utf-8").splitlines()]
    golds = [row["answer"] for row in rows]
    pairs = [(response, gold) for gold in golds for response, _, _ in math_cases(gold, golds[:3])]
    chosen = pairs[:: len(pairs) // 1000][:1000]
    assert len(chosen) == 1000
    assert seconds_for(chosen) < 10
