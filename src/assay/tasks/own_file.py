"""What tasks of a user's own file share (`jsonl`, `code`): the columns of a prompt, its identity and its split."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from assay.config import Strict
from assay.errors import DataError
from assay.tasks import Split
from assay.tasks.rows import Row, read_folder, read_rows
from assay.tasks.tables import PromptTable, identity, split_by_share
from assay.types import Prompt


class OwnFile(Strict):
    """Options of every such task. Values that name columns: prompt, problem, split; `a.b` is b in the column a.

    `chat`: a text prompt is the message of a user. `duplicates`: "drop" keeps the first of rows that pose the same
    problem with the same gold.
    """

    prompt: str = "prompt"
    problem: str | None = None
    split: str | None = None
    test_share: float = Field(default=0.1, ge=0, le=1)
    chat: bool = False
    duplicates: Literal["error", "drop"] = "error"


def own_table(name: str, prompts: Iterator[tuple[str, Prompt]], options: OwnFile) -> PromptTable:
    """The prompts of a file, with what its options say of rows that repeat or are missing."""
    more_rows = (
        f"give a column that says train or test (split=COLUMN), another test_share (it is {options.test_share:g}), or "
        "a folder with train and test files"
    )
    on_repeats = "; duplicates=drop keeps the first of rows that are the same"
    return PromptTable(name, prompts, options.duplicates == "drop", more_rows, on_repeats)


def own_prompts(
    data: str, options: OwnFile, spec: str, gold: Callable[[Row, str], Any]
) -> Iterator[tuple[str, Prompt]]:
    """Where each prompt of a file, or of a folder with train and test files, stands, and the prompt.

    `gold` is given the row and the prompt's text. Raises DataError for a row that cannot be read.
    """
    path = Path(data)
    found: list[tuple[Split | None, list[Row]]]
    found = [*read_folder(path).items()] if path.is_dir() else [(None, read_rows(path))]
    for split, rows in found:
        yield from ((row.where, _prompt(row, split, options, spec, gold)) for row in rows)


def _prompt(row: Row, split: Split | None, options: OwnFile, spec: str, gold: Callable[[Row, str], Any]) -> Prompt:
    posed = row.get(options.prompt, "a prompt, as text or as a list of messages")
    messages = _messages(row, options.prompt, posed)
    text = posed if messages is None else "\n".join(f"{each['role']}: {each['content']}" for each in messages)
    if messages is None and options.chat:
        messages = ({"role": "user", "content": posed},)
    problem = identity(text) if options.problem is None else identity_in(row, options.problem)
    return Prompt(
        task=spec,
        problem=problem,
        gold=gold(row, text),
        split=split or _split(row, options, problem),
        text=posed if messages is None else None,
        messages=messages,
        columns={column: value for column, value in row.values.items() if column != options.prompt},
    )


def _messages(row: Row, column: str, posed: Any) -> tuple[Mapping[str, str], ...] | None:
    if isinstance(posed, str):
        return None
    expected = "a prompt, as text or as a list of messages with the texts 'role' and 'content'"
    if not isinstance(posed, list) or not posed:
        raise DataError(f"{row.where}: column {column!r} holds {type(posed).__name__}; expected {expected}")
    for number, message in enumerate(posed, start=1):
        parts = [message.get("role"), message.get("content")] if isinstance(message, Mapping) else [None]
        if not all(isinstance(part, str) for part in parts):
            raise DataError(f"{row.where}: message {number} of column {column!r} is not readable; expected {expected}")
    return tuple({"role": message["role"], "content": message["content"]} for message in posed)


def _split(row: Row, options: OwnFile, problem: str) -> Split:
    column = options.split
    if column is None:
        return split_by_share(problem, options.test_share)
    value = row.text(column, "'train' or 'test'")
    if value != "train" and value != "test":
        raise DataError(f"{row.where}: column {column!r} holds {value!r}; expected 'train' or 'test'")
    return "train" if value == "train" else "test"


def identity_in(row: Row, column: str) -> str:
    """A problem's identity in a column. Raises DataError for anything but text and integers."""
    value = row.get(column, "an identity, text or integer")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"{row.where}: column {column!r} holds {value!r}; expected an identity, text or integer")
    return str(value)
