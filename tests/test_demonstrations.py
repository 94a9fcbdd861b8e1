"""Rows to learn from: TRL's layouts in every kind of file, and one sentence for each that is none."""

import csv
import gzip
import json

import polars as pl
import pytest

from assay.demonstrations import read_demonstrations
from assay.errors import DataError

USER, ANSWER = {"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}


def written(path, rows):
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([rows[0].keys(), *(row.values() for row in rows)])
    else:
        text = "\n".join(map(json.dumps, rows)).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet", "rows.csv"])
def test_every_kind_of_file(tmp_path, name):
    rows = [{"prompt": f"p{number}", "completion": f"c{number}", "problem": str(number)} for number in range(60)]
    found = read_demonstrations(written(tmp_path / name, rows))
    assert sorted(each.completion for each in (*found.train, *found.test)) == sorted(row["completion"] for row in rows)
    assert 0 < len(found.test) < 20
    assert found.train[0].prompt.text == found.train[0].completion.replace("c", "p")


def test_conversations(tmp_path):
    """What stands before the first turn to learn is the prompt; later turns of both are the completion."""
    again = [{"role": "user", "content": "c?"}, {"role": "assistant", "content": "d"}]
    rows = [
        {"messages": [{"role": "system", "content": "s"}, USER, ANSWER, *again]},
        {"prompt": [USER, ANSWER, again[0]], "completion": [again[1]]},
        {"prompt": [USER], "completion": "b"},
    ]
    path = written(tmp_path / "rows.jsonl", rows)
    other = written(
        tmp_path / "other.jsonl", [{"prompt": [USER], "completion": "b"}, {"prompt": "x", "completion": "y"}]
    )
    found = read_demonstrations(path, other)
    assert ([each.prompt.text for each in found.test], found.in_both) == (["x"], 1)
    whole, continued, text = found.train
    assert [each["content"] for each in whole.prompt.messages] == ["s", "a?"]
    assert [each["content"] for each in whole.completion] == ["b", "c?", "d"]
    assert len(continued.prompt.messages) == 3 and continued.completion == (again[1],)
    assert text.completion == "b"


def test_a_prompt_is_held_out_with_all_its_rows(tmp_path):
    rows = [{"prompt": f"p{number % 40}", "completion": f"c{number}"} for number in range(120)]
    found = read_demonstrations(written(tmp_path / "rows.jsonl", rows))
    trained, tested = ({each.prompt.text for each in part} for part in (found.train, found.test))
    assert tested and not trained & tested


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"prompt": "a"}, "line 1: there is no column 'completion'"),
        ({"completion": "a"}, "line 1: there is no column 'prompt'"),
        ({"prompt": "a", "completion": " "}, "column 'completion' is empty"),
        ({"prompt": "a", "completion": 3}, "prompt is text and completion is not"),
        ({"prompt": 3, "completion": "a"}, "column 'prompt' holds no prompt"),
        ({"prompt": [USER], "completion": [USER]}, "column 'completion' has no turn of the assistant"),
        ({"prompt": [USER], "completion": [{"role": "assistant"}]}, "holds no messages; expected a list of role"),
        ({"messages": [USER]}, "column 'messages' has no turn of the assistant"),
        ({"messages": [ANSWER]}, "begins with the assistant's turn"),
        ({"messages": "hello"}, "column 'messages' holds no messages"),
        ({"messages": [USER, ANSWER], "completion": "b"}, "has both messages and prompt or completion"),
    ],
)
def test_what_is_no_demonstration(tmp_path, row, sentence):
    with pytest.raises(DataError, match=sentence):
        read_demonstrations(written(tmp_path / "rows.jsonl", [row]))


def test_an_empty_file_and_one_that_is_all_held_out(tmp_path):
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(DataError, match="holds no rows"):
        read_demonstrations(tmp_path / "rows.jsonl")
    names = [f"p{number}" for number in range(60)]
    rows = [{"prompt": name, "completion": "c"} for name in names]
    held_out = [{"prompt": each.prompt.text, "completion": "c"} for each in
                read_demonstrations(written(tmp_path / "rows.jsonl", rows)).test]  # fmt: skip
    with pytest.raises(DataError, match="all its prompts are held out"):
        read_demonstrations(written(tmp_path / "rows.jsonl", held_out))
