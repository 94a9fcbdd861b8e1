"""Sample files: what is read, and the sentence for each row that cannot be."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.errors import DataError
from assay.samples import read_samples, write_samples


def jsonl(folder: Path, *rows: Any, name: str = "samples.jsonl") -> Path:
    path = folder / name
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def parquet(folder: Path, columns: dict[str, Any]) -> Path:
    path = folder / "samples.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def test_jsonl_responses(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path,
        {"problem": 7, "correct": True, "length_tokens": 12, "metadata": {"source": [1, 2]}},
        "",
        {"problem": "7b", "correct": None, "answer": 3},
        {"correct": False, "problem": "x", "temperature": 0.6},
    )
    file = read_samples(path)
    assert file.format == "responses"
    assert file.frame["problem"].to_list() == ["7", "7b", "x"]
    assert file.frame["correct"].to_list() == [True, None, False]
    assert file.frame["length_tokens"].to_list() == [12, None, None]
    assert file.frame["temperature"].to_list() == [None, None, 0.6]
    assert file.frame["answer"].to_list() == [None, "3", None]
    assert file.frame["metadata"].to_list()[0] == '{"source": [1, 2]}' or file.frame["metadata"][0] == {
        "source": [1, 2]
    }


def test_a_list_of_rows(tmp_path: Path) -> None:
    path = jsonl(tmp_path, '[{"problem": 1, "correct": true},', '{"problem": 2, "correct": false}]', name="rows.json")
    assert read_samples(path).frame["correct"].to_list() == [True, False]


def test_counts(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"problem": "a", "n": 8, "correct": 0}, {"problem": "b", "n": 8, "correct": 8})
    file = read_samples(path)
    assert (file.format, file.frame["n"].to_list(), file.frame["correct"].to_list()) == ("counts", [8, 8], [0, 8])


def test_parquet_and_jsonl_read_alike(tmp_path: Path) -> None:
    columns = {
        "problem": [1, 1, 2],
        "correct": [True, None, False],
        "member": [0, 1, 0],
        "stop": ["eos", "length", None],
    }
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    one, other = read_samples(parquet(tmp_path, columns)), read_samples(jsonl(tmp_path, *rows))
    assert one.frame.equals(other.frame.select(one.frame.columns))


def test_columns_and_problems_can_be_chosen(tmp_path: Path) -> None:
    columns = {
        "problem": ["a", "b", "a"],
        "correct": [True, False, False],
        "response": ["x", "y", "z"],
        "extra": [1, 2, 3],
    }
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    for path in (parquet(tmp_path, columns), jsonl(tmp_path, *rows)):
        frame = read_samples(path, ["response", "prompt"], {"a"}).frame
        assert set(frame.columns) == {"problem", "correct", "response"}
        assert frame["response"].to_list() == ["x", "z"]


def test_missing_floats_of_pandas_become_null(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"problem": [1, 2], "correct": [True, True], "length_tokens": [12.0, float("nan")]})
    assert read_samples(path).frame["length_tokens"].to_list() == [12, None]


ROW = {"problem": "p", "correct": True}


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"problem": "p"}, None),
        ({"correct": True}, "row 2, column 'problem': expected a string or an integer, got None"),
        ({"problem": 1.5, "correct": True}, "row 2, column 'problem': expected a string or an integer, got 1.5"),
        ({"problem": True, "correct": True}, "row 2, column 'problem': expected a string or an integer, got True"),
        ({"problem": "p", "correct": "yes"}, "row 2, column 'correct': expected true, false or null, got 'yes'"),
        ({"problem": "p", "correct": 1}, "row 2, column 'correct': expected true, false or null, got 1"),
        ('{"problem": "p", "correct": NaN}', "row 2, column 'correct': expected true, false or null, got NaN"),
        ({**ROW, "length_tokens": "12"}, "row 2, column 'length_tokens': expected a number or null, got '12'"),
        ({**ROW, "length_tokens": 1.5}, "row 2, column 'length_tokens': expected an integer, got 1.5"),
        ({**ROW, "length_tokens": -1}, "row 2, column 'length_tokens': expected an integer, 0 or more, got -1"),
        (
            {**ROW, "guess_probability": 3},
            "row 2, column 'guess_probability': expected a probability from 0 to 1, got 3",
        ),
        ('{"problem": "p", "corr', "row 2: expected one JSON object a line, got"),
        ("[1, 2]", "row 2: expected an object with problem and correct, got [1, 2]"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, bad: Any, says: str | None) -> None:
    path = jsonl(tmp_path, ROW, bad)
    if says is None:  # `correct` may be absent from a row as it may be null: it could not be judged
        assert read_samples(path).frame["correct"].to_list() == [True, None]
        return
    with pytest.raises(DataError) as raised:
        read_samples(path)
    assert str(path) in str(raised.value)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"n": 2, "correct": 3}, "row 2, column 'correct': expected at most n right answers, got 3"),
        ({"n": -1, "correct": 0}, "row 2, column 'n': expected a count of answers, 0 or more, got -1"),
        ({"n": 2}, "row 2, column 'correct': expected a count of right answers, 0 or more, got None"),
        ({"n": 2, "correct": True}, "row 2, column 'correct': expected an integer, got True"),
        ({"correct": 1}, "row 2, column 'n': expected a count of answers, 0 or more, got None"),
        ({"n": 2, "correct": 1, "problem": "a"}, "row 2: problem 'a' is there twice; each must appear once"),
    ],
)
def test_a_malformed_count_is_named(tmp_path: Path, bad: dict[str, Any], says: str) -> None:
    path = jsonl(tmp_path, {"problem": "a", "n": 2, "correct": 1}, {"problem": "b", **bad})
    with pytest.raises(DataError) as raised:
        read_samples(path)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"problem": ["a"], "correct": [1]}, "integers are counts and need a column 'n'"),
        ({"problem": ["a"], "correct": [1.0]}, "column 'correct': expected true, false or null, got 1.0"),
        ({"problem": [1.0], "correct": [True]}, "column 'problem': expected a string or an integer, got 1.0"),
        ({"problem": ["a", None], "correct": [True, True]}, "row 2, column 'problem': expected a string or an integer"),
        ({"problem": ["a"]}, "no row has the column 'correct'"),
        ({"problem": [], "correct": []}, "has no rows"),
        ({"problem": ["a"], "correct": [True], "top_p": ["1"]}, "column 'top_p': expected a number or null, got '1'"),
        (
            {"problem": ["a"] * 3, "correct": [True] * 3, "member": [0, 1, 1]},
            "row 3: member 1 of problem 'a' is there twice",
        ),
    ],
)
def test_malformed_parquet_is_named(tmp_path: Path, columns: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as raised:
        read_samples(parquet(tmp_path, columns))
    assert says in str(raised.value)


def test_a_torn_or_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    whole = parquet(tmp_path, {"problem": ["a"], "correct": [True]}).read_bytes()
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(whole[: len(whole) // 2])
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_bytes(b"\xff\xfe\x00\x01")
    for path, says in (
        (torn, "not a readable Parquet file"),
        (foreign, "UTF-8"),
        (tmp_path / "none.jsonl", "cannot be read"),
    ):
        with pytest.raises(DataError, match=says) as raised:
            read_samples(path)
        assert "\n" not in str(raised.value)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no rows"):
        read_samples(jsonl(tmp_path))


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    rows = [{"problem": "a", "correct": True, "extra": 1}, {"problem": "b", "correct": None, "extra": 2}]
    path = write_samples(tmp_path / "new" / name, rows)
    assert read_samples(path).frame.to_dicts() == rows
    assert [each.name for each in path.parent.iterdir()] == [name]


def test_phrases_are_found_without_keeping_the_responses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Parquet and, a few at a time, in JSONL; where there is no text it is not known."""
    monkeypatch.setattr("assay.samples.CHUNK", 2)
    texts = ["Wait", "no", None, "so wait", "waiter"]
    rows = [{"problem": "p", "member": at, "correct": True, "response": text} for at, text in enumerate(texts)]
    written = [write_samples(tmp_path / name, rows) for name in ("a.parquet", "a.jsonl")]
    for path in written:
        frame = read_samples(path, ("member",), phrases={"w": r"(?i)\bwait\b", "n": "^no$"}).frame
        assert "response" not in frame.columns
        assert frame.sort("member")["w"].to_list() == [True, False, None, True, False]
        assert frame.sort("member")["n"].to_list() == [False, True, None, False, False]
    nested = [row | {"response": [{"content": "wait"}]} for row in rows]
    listed = read_samples(write_samples(tmp_path / "b.parquet", nested), ("member",), phrases={"w": "wait"}).frame
    assert "w" not in listed.columns, "a list of messages is no text"


@pytest.mark.parametrize("name", ["r.parquet", "r.jsonl"])
def test_reasoning_must_be_a_boolean(name: str, tmp_path: Path) -> None:
    rows = [{"problem": "p", "correct": True, "reasoning": value} for value in (1, 0)]
    with pytest.raises(DataError, match="row 1, column 'reasoning': expected true, false or null, got 1"):
        read_samples(write_samples(tmp_path / name, rows))
