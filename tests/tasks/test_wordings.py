"""The wordings, word for word, and what they mean for a response."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from assay.tasks import make_task, stop_of, wording_of
from assay.tasks.wordings import wording
from assay.types import Verdict

PINNED = {
    ("none", "math"): "a8aa9692c10e",
    ("boxed", "math"): "72e8f4190def",
    ("r1", "math"): "30d5a0e90d85",
    ("few-shot", "math"): "c95de146f0f5",
    ("few-shot", "word problems"): "30526c455e1a",
}
"""Hashes of "What is 2 + 3?" in each wording. A changed text is another measurement: give it another name."""


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"question": "What is 2 + 3?", "answer": "2 + 3 = 5\n#### 5"}) + "\n")
    return str(path)


@pytest.mark.parametrize(("name", "kind"), PINNED)
def test_the_texts_are_pinned(name: Any, kind: Any) -> None:
    posed = wording(name, kind).pose("What is 2 + 3?")
    text = json.dumps([posed["text"], posed["messages"]])
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == PINNED[name, kind]


def test_word_problems_have_the_same_wordings_but_for_the_examples() -> None:
    for name in ("none", "boxed", "r1"):
        assert wording(name, "math") is wording(name, "word problems")
    assert wording("few-shot", "math").before.count("Problem:") == 5
    assert wording("few-shot", "word problems").before.count("Q: ") == 9


def test_a_question_with_braces_is_posed_as_it_is() -> None:
    """MATH's problems are full of braces, which a format string would read."""
    question = r"Find $\frac{1}{x}$ for {question} %s."
    for name in ("none", "boxed", "r1", "few-shot"):
        posed = wording(name, "math").pose(question)
        assert question in (posed["text"] or posed["messages"][0]["content"])


def test_only_boxed_is_a_message() -> None:
    """The others are texts of their own: a chat template around them would be another prompt."""
    assert wording("boxed", "math").pose("q")["text"] is None
    assert all(wording(name, "math").pose("q")["messages"] is None for name in ("none", "r1", "few-shot"))


@pytest.mark.parametrize(
    ("spec", "stop", "form"),
    [
        ("gsm8k", (), "user"),
        ("gsm8k:prompt=few-shot", ("Q:",), "What is 2 + 3?\nA:"),
        ("math500:prompt=few-shot", ("Problem:",), "What is 2 + 3?\n\nSolution:"),
        ("gsm8k:prompt=r1", ("\nUser:",), "What is 2 + 3?\nAssistant: <think>"),
        ("gsm8k:prompt=none", (), "What is 2 + 3?"),
    ],
)
def test_a_task_poses_and_stops_as_its_wording_says(rows: str, spec: str, stop: tuple[str, ...], form: str) -> None:
    task = make_task(spec, data=rows)
    (prompt,) = task.prompts("test")
    assert stop_of(task) == stop
    assert wording_of(task) == (spec.partition("=")[2] or "boxed")
    assert prompt.messages[0]["role"] == form if prompt.messages else str(prompt.text).endswith(form)


@pytest.mark.parametrize(
    ("response", "verdict"),
    [
        ("2 + 3 is 5. </think> <answer> 5 </answer>", Verdict.RIGHT),
        ("6? no. </think> So the answer is 5.", Verdict.RIGHT),
        ("2 + 3 is 5, so <answer> 5 </answer>", Verdict.WRONG),
        ("The answer is 5", Verdict.WRONG),
        (r"\boxed{5} </think> <answer> 6 </answer>", Verdict.WRONG),
    ],
)
def test_under_r1_nothing_before_the_end_of_thought_is_an_answer(rows: str, response: str, verdict: Verdict) -> None:
    """The prompt ends inside `<think>`: a response that never closes it has not answered."""
    for spec in ("gsm8k:prompt=r1", "svamp:prompt=r1", "amc23:prompt=r1"):
        data = Path(rows).with_name("plain.jsonl")
        data.write_text(json.dumps({"question": "What is 2 + 3?", "answer": "5"}) + "\n")
        task = make_task(spec, data=str(data))
        split = "test" if task.size("test") else "train"
        assert task.verify(task.prompts(split)[0], response).verdict is verdict


def test_answers_in_the_form_of_the_worked_examples_are_read(rows: str) -> None:
    task = make_task("gsm8k:prompt=few-shot", data=rows)
    (prompt,) = task.prompts("test")
    assert task.verify(prompt, " There are 2 and then 3 more. 2 + 3 = 5. The answer is 5.\n\n").correct
    assert not task.verify(prompt, " There are 2 and then 3 more. 2 + 3 = 5. The answer is 6.\n\n").correct


def test_a_generated_task_names_its_wording_where_it_has_two() -> None:
    """The same problem in symbols and in English: audits must not take one for the other."""
    terse, words = make_task("countdown:seen"), make_task("countdown:seen:style=words")
    assert terse.prompts("test", 3, 1)[0].problem == words.prompt_of(terse.prompts("test", 3, 1)[0].problem).problem
    assert (wording_of(terse), wording_of(words)) == ("terse", "words")
    assert wording_of(make_task("compose")) is None
