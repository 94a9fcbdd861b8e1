"""Reading rows of data files, and what is said of those that cannot be read."""

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.errors import DataError, RecipeError
from assay.tasks import rows
from assay.tasks.rows import Row, read_folder, read_hub, read_rows


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_jsonl_skips_blank_lines_and_keeps_line_numbers(tmp_path: Path) -> None:
    found = read_rows(write(tmp_path / "a.jsonl", '{"q": 1}\n\n{"q": [1, null]}\n'))
    assert [(row.where, row.values) for row in found] == [
        (f"{tmp_path}/a.jsonl, line 1", {"q": 1}),
        (f"{tmp_path}/a.jsonl, line 3", {"q": [1, None]}),
    ]


def test_csv_keeps_text_as_it_is(tmp_path: Path) -> None:
    found = read_rows(write(tmp_path / "a.csv", '\ufeffid,q\n007,"two\nlines"\n1e5,\n'))
    assert [(row.where.rpartition(", ")[2], row.values) for row in found] == [
        ("line 3", {"id": "007", "q": "two\nlines"}),
        ("line 4", {"id": "1e5", "q": ""}),
    ]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    pl.DataFrame({"q": [messages], "n": [7]}).write_parquet(tmp_path / "a.parquet")
    (row,) = read_rows(tmp_path / "a.parquet")
    assert row.values == {"q": messages, "n": 7}
    assert row.where.endswith("a.parquet, row 1")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"q": 1}\n{"q": \n', "a.jsonl, line 2: expected one JSON object a line"),
        ("a.jsonl", b"[1]\n", "a.jsonl, line 1: expected one JSON object a line, got list [1]"),
        ("a.jsonl", b'{"q": "\xff"}\n', "a.jsonl, line 1"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1"),
        ("a.jsonl", b'{"q": ' + b"1" * 10_000 + b"}", "a.jsonl, line 1"),
        ("a.jsonl", b"\n", "holds no rows"),
        ("a.csv", b"q,a\n1,2\n1,2,3\n", "a.csv, line 3: expected 2 values as in the header, got 3"),
        ("a.csv", b'q,a\n1,"2\n', "a.csv, near line 2: expected CSV"),
        ("a.csv", b"q,a\n\xff,2\n", "a.csv, near line 2: expected CSV"),
        ("a.csv", b"", "holds no rows"),
        ("a.csv", b"q;a\n1;2\n", "a.csv, line 1: expected commas between values, got ';'"),
        ("a.parquet", b"PAR1 but no more", "a.parquet as Parquet"),
        ("a.xlsx", b"", "expected a name that ends in .jsonl, .jsonl.gz, .parquet, .csv"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_rows(tmp_path / name)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no data at .*gone\.jsonl"):
        read_rows(tmp_path / "gone.jsonl")


def test_a_folder_has_splits_in_files_or_shards(tmp_path: Path) -> None:
    write(tmp_path / "train-00001-of-00002.jsonl", '{"q": 2}\n')
    write(tmp_path / "train-00000-of-00002.jsonl", '{"q": 1}\n')
    write(tmp_path / "testing.jsonl", '{"q": 9}\n')
    write(tmp_path / "train.txt", "nothing")
    found = read_folder(tmp_path)
    assert [row.values["q"] for row in found["train"]] == [1, 2]
    assert found["test"] == []


def test_a_folder_without_splits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither train nor test rows; expected train\.jsonl"):
        read_folder(tmp_path)


def test_columns_are_checked_by_row() -> None:
    row = Row("a.jsonl, line 3", {"question": "q", "n": 5, "blank": " ", "none": None})
    assert row.text("question", "a question") == "q"
    assert row.get("n", "a number") == 5
    with pytest.raises(DataError, match=r"a\.jsonl, line 3: there is no column 'questoin', did you mean 'question'\?"):
        row.get("questoin", "a question")
    with pytest.raises(DataError, match=r"line 3: column 'n' holds int 5; expected a question"):
        row.text("n", "a question")
    for column in ("blank", "none"):
        with pytest.raises(DataError, match=rf"line 3: column '{column}' is empty; expected an answer"):
            row.get(column, "an answer")


def test_the_hub_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(target: str) -> Any:
        raise RecipeError(f"No module named {target!r}")

    monkeypatch.setattr(rows, "resolve", absent)
    with pytest.raises(DataError, match=r"pip install datasets, or give a local copy with --data PATH"):
        read_hub("openai/gsm8k", "main", "test")


def test_the_hub_out_of_reach_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: str, split: str) -> Any:
        raise ConnectionError("no route\nto the hub")

    monkeypatch.setattr(rows, "resolve", lambda target: offline)
    with pytest.raises(DataError, match=r"cannot load openai/gsm8k .*\(no route\); give a local copy with --data PATH"):
        read_hub("openai/gsm8k", "main", "test")


def test_rows_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(hub_id: str, config: str, split: str) -> list[dict[str, str]]:
        return [{"question": f"{hub_id} {config} {split}"}]

    monkeypatch.setattr(rows, "resolve", lambda target: load)
    assert read_hub("openai/gsm8k", "main", "test") == [
        Row("openai/gsm8k, test row 1", {"question": "openai/gsm8k main test"})
    ]


def test_gzipped_lines_are_read_as_lines_are(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n{"a": 2}\n'))
    rows = read_folder(tmp_path)["train"]
    assert [(row.where, row.values) for row in rows] == [
        (f"{tmp_path / 'train.jsonl.gz'}, line {number}", {"a": number}) for number in (1, 2)
    ]


@pytest.mark.parametrize("content", [b"", b'{"a": 1}\n', gzip.compress(b'{"a": 1}\n' * 99)[:-12]])
def test_gzip_that_is_cut_off_or_none_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.jsonl\.gz.*(expected gzip|holds no rows)"):
        read_rows(tmp_path / "rows.jsonl.gz")
