"""Labels are read off a trace exactly: style, reflection, confidence, form."""

import pytest

from assay.tasks import make_task
from assay.tasks.traces import Trace, read_trace
from assay.types import Labels, Verdict

COMPOSE = make_task("compose").prompt_of("compose up1 rev : a b c d")  # b b c d, then d c b b
RIGHT, OFF, WORSE = ("up1 b b c d ; rev d c b b ;", "up1 b b c d ; rev d c b a ;", "up1 c b c d ; rev d c b c ;")


@pytest.mark.parametrize(
    ("attempts", "kind"),
    [
        ([RIGHT], None),
        ([RIGHT, RIGHT], "confirm"),
        ([RIGHT, OFF, RIGHT], "confirm"),
        ([OFF, RIGHT], "repair"),
        ([OFF, OFF, RIGHT], "repair"),
        ([RIGHT, OFF], "break"),
        ([OFF, OFF], "loop"),
        ([WORSE, OFF, OFF], "loop"),
        ([OFF, WORSE], "miss"),
        ([OFF, OFF, WORSE], "miss"),
        ([OFF, ""], "miss"),
    ],
)
def test_reflection_kinds(attempts, kind):
    response = f"code {' wait '.join(attempts)} sure answer d c b b"
    assert make_task("compose").labels(COMPOSE, response).reflection == kind


@pytest.mark.parametrize(
    ("name", "problem", "right", "wrong", "answer"),
    [
        ("compose", COMPOSE.problem, RIGHT, OFF, "d c b b"),
        (
            "countdown", "countdown 3 7 12 : 120",
            "3 + 7 = 10 ; 10 * 12 = 120 ;", "3 + 7 = 11 ; 11 * 12 = 120 ;", "( 3 + 7 ) * 12",
        ),
        ("chain", "chain 7 + 12 - 5", "7 + 12 = 19 ; 19 - 5 = 14 ;", "7 + 12 = 18 ; 18 - 5 = 13 ;", "14"),
    ],
)  # fmt: skip
def test_every_task_reads_all_labels(name, problem, right, wrong, answer):
    task = make_task(name)
    prompt = task.prompt_of(problem)
    given = " ".join(problem.split()[1:])

    def labels(response: str) -> Labels:
        found = task.labels(prompt, response)
        return Labels(None, found.strategy, found.reflection, found.confidence, found.form)

    assert labels(f"code {right} sure answer {answer}") == Labels(None, "code", None, "sure", "answer")
    assert labels(f"code {wrong} wait {right} unsure so {answer}") == Labels(None, "code", "repair", "unsure", "so")
    assert labels(f"code {given} ; {wrong} wait {given} ; {wrong} answer {answer}").reflection == "loop"
    assert labels(f"prose answer {answer}") == Labels(None, "prose", None, None, "answer")
    assert labels(f"I think {right} wait sure answer {answer}") == Labels()
    assert labels("") == Labels()
    assert labels(f"code {right} wait {right[:9]}").reflection is None, "cut short"
    assert labels(f"prose wait answer {answer}").reflection is None
    assert task.verify(prompt, f"code {right} so {answer}").verdict is Verdict.WRONG
    assert task.verify(prompt, f"code {right} sure answer {answer}").verdict is Verdict.RIGHT


def test_the_parts_of_any_text():
    assert read_trace("code a ; wait b ; unsure so c answer d") == Trace("code", ("a ;", "b ;"), "unsure", "answer")
    assert read_trace("sure") == Trace(None, ("",), "sure", None)
    assert read_trace("") == Trace(None, ("",), None, None)
    assert read_trace("code wait wait answer") == Trace("code", ("", "", ""), None, "answer")
