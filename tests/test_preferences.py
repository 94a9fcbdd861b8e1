"""Preference rows: TRL's pairs, with and without a prompt, rankings, and what is wrong with others."""

import json

import pytest

from assay.errors import DataError
from assay.preferences import read_preferences
from assay.tasks.splits import split_of

CHAT = [{"role": "user", "content": "Two and two?"}]


def said(text):
    return {"role": "assistant", "content": text}


def read(tmp_path, *rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"prompt": "another", "chosen": "a", "rejected": "b"}))
    return read_preferences(path, other).train


def test_pairs_of_texts_and_of_messages(tmp_path):
    rows = read(
        tmp_path,
        {"prompt": "2 + 2 =", "chosen": " 4", "rejected": " 5", "margin": 0.5, "source": "x"},
        {"prompt": CHAT, "chosen": [said("Four.")], "rejected": [said("Five.")]},
        {"chosen": [*CHAT, said("Four.")], "rejected": [*CHAT, said("Five.")]},
    )
    assert [row.responses for row in rows] == [(" 4", " 5"), ("Four.", "Five."), ("Four.", "Five.")]
    assert [row.pairs for row in rows] == [((0, 1),)] * 3
    assert (rows[0].margin, rows[0].columns, rows[0].prompt.text) == (0.5, {"source": "x"}, "2 + 2 =")
    assert rows[1].prompt.messages == rows[2].prompt.messages == tuple(CHAT)
    assert rows[1].prompt.problem == rows[2].prompt.problem != rows[0].prompt.problem


def test_a_prompt_in_common_text(tmp_path):
    """Text with turns is cut after the last turn that both begin, not where the answers begin to differ."""
    start = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Two and two?\n\nAssistant:"
    (turns, plain) = read(
        tmp_path,
        {"chosen": f"{start} It is four.", "rejected": f"{start} It is five."},
        {"chosen": "2 + 2 = 4", "rejected": "2 + 2 = 5"},
    )
    assert (turns.prompt.text, turns.responses) == (start, (" It is four.", " It is five."))
    assert (plain.prompt.text, plain.responses) == ("2 + 2 = ", ("4", "5"))


def test_rankings(tmp_path):
    """b before a and c, which tie; equal responses tell nothing whatever their ranks."""
    (ranking, repeated) = read(
        tmp_path,
        {"prompt": "p", "responses": ["a", "b", "c"], "ranks": [2, 1, 2]},
        {"prompt": "p", "responses": ["a", "a", "b"], "ranks": [1, 2, 3]},
    )
    assert ranking.pairs == ((1, 0), (1, 2))
    assert repeated.pairs == ((0, 2), (1, 2))


def test_held_out_by_the_prompt(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"p{n // 2}", "chosen": "a", "rejected": f"b{n}"} for n in range(400)]
    path.write_text("\n".join(map(json.dumps, [*rows, {"prompt": "p", "chosen": "a", "rejected": "a"}])))
    found = read_preferences(path)
    train, test = ({each.prompt.problem for each in part} for part in (found.train, found.test))
    assert not train & test and 8 < len(test) < 35 and len(found.train) + len(found.test) == 400
    assert found.without_preference == 1


def test_what_is_trained_on_is_not_tested_on(tmp_path):
    """By the prompt and by the problem; a copy of the file leaves nothing to test on."""
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    rows = [{"prompt": f"p{n}", "chosen": "a", "rejected": "b"} for n in range(4)]
    train.write_text("\n".join(map(json.dumps, [*rows, {**rows[0], "prompt": "q", "problem": "one"}])))
    others = [{**rows[2], "chosen": "c"}, {**rows[0], "prompt": "r", "problem": "one"}, {**rows[0], "prompt": "s"}]
    test.write_text("\n".join(map(json.dumps, others)))
    found = read_preferences(train, test)
    assert ([each.prompt.text for each in found.test], found.in_both, len(found.train)) == (["s"], 2, 5)
    test.write_bytes(train.read_bytes())
    with pytest.raises(DataError, match=r"test\.jsonl: all its prompts are trained on, too; give a file of other"):
        read_preferences(train, test)


def test_train_problems_of_a_task_are_held_out_too(tmp_path):
    problems = [f"p{n}" for n in range(2000) if split_of(f"p{n}") == "train"]
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": "x", "problem": problem, "chosen": "a", "rejected": "b"} for problem in problems]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert 0.05 < len(read_preferences(path).test) / len(problems) < 0.15


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"prompt": "p", "chosen": "a"}, "line 1: there is no column 'rejected'"),
        ({"prompt": "p", "chosen": "a", "rejected": [said("b")]}, "are of two kinds; expected two texts, or two lists"),
        ({"prompt": "p", "chosen": [said("a"), said("b")], "rejected": [said("b")]}, "'chosen' holds no response"),
        ({"prompt": "p", "chosen": [*CHAT, said("a")], "rejected": [*CHAT, said("b")]}, "; leave out 'prompt' where"),
        ({"prompt": "p", "responses": ["a", "b"], "ranks": "12"}, "responses and ranks must be lists"),
        ({"prompt": 3, "chosen": "a", "rejected": "b"}, "'prompt' holds no prompt; expected a text, or messages"),
        ({"chosen": "a", "rejected": "b"}, "do not begin alike; give a column 'prompt'"),
        ({"prompt": "p", "chosen": "a", "rejected": "b", "margin": "big"}, "margin 'big'; expected a number"),
        ({"prompt": "p", "responses": [], "ranks": []}, "a ranking of 0 responses says nothing; expected 2 or more"),
        ({"prompt": "p", "responses": ["a"], "ranks": [1]}, "a ranking of 1 responses says nothing"),
        ({"prompt": "p", "responses": ["a", "b"], "ranks": [1]}, "2 responses and 1 ranks; expected one each"),
        ({"prompt": "p", "responses": ["a", "b"], "ranks": [0, 1]}, "expected whole numbers, 1 the best"),
        ({"prompt": "p", "responses": "a b", "ranks": [0, 1]}, "responses and ranks must be lists"),
        ({"prompt": "p", "responses": ["a", "b"]}, "there is no column 'ranks'"),
        ({"prompt": "p", "responses": ["a", "b"], "ranks": [1, 1]}, "no row prefers a response to another"),
    ],
)
def test_malformed_rows(tmp_path, row, sentence):
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, row)
