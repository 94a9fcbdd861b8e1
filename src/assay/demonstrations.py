"""Demonstrations: prompts with the responses to learn, read strictly (docs/distillation.md).

A row is `prompt` and `completion`, or `messages`: TRL's rows. Texts, or lists of messages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import DataError
from assay.preferences import is_message, not_trained_on, prompt_of
from assay.tasks.rows import Row, read_rows
from assay.types import Prompt

TASK = "sft"
Messages = tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A prompt and what follows it: a text, or messages of which the assistant's are to be learned.

    `where` names the row for an error. `prompt` is all that stands before what is learned; of a row of `messages`, what
    stands before the assistant's first turn.
    """

    where: str
    prompt: Prompt
    completion: str | Messages


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """Rows for training and held out; `in_both` of the test file were left out, as their prompt is trained on."""

    train: tuple[Demonstration, ...]
    test: tuple[Demonstration, ...]
    in_both: int = 0


def read_demonstrations(train: Path, test: Path | None = None) -> Demonstrations:
    """The rows of one file, about a tenth of its prompts held out by their hash, or of two files.

    Raises DataError that names file and line.
    """
    rows = tuple(map(demonstration, read_rows(train)))
    if test is not None:
        tested = tuple(map(demonstration, read_rows(test)))
        unseen = not_trained_on(rows, tested, test)
        return Demonstrations(rows, unseen, len(tested) - len(unseen))
    split = {name: tuple(each for each in rows if each.prompt.split == name) for name in ("train", "test")}
    if not split["train"]:
        raise DataError(f"{train}: all its prompts are held out; give more rows, or a file of its own for testing")
    return Demonstrations(split["train"], split["test"])


def demonstration(row: Row) -> Demonstration:
    """The demonstration in a row. Raises DataError."""
    known = ("prompt", "completion", "messages")
    columns = {name: value for name, value in row.values.items() if name not in known}
    if row.values.get("messages") is not None:
        if row.values.get("prompt") is not None or row.values.get("completion") is not None:
            raise DataError(f"{row.where}: has both messages and prompt or completion; expected one of the two")
        messages = _messages(row, "messages", row.values["messages"])
        first = _first_turn(row, "messages", messages)
        if first == 0:
            raise DataError(f"{row.where}: begins with the assistant's turn; expected a message that it answers")
        prompt = prompt_of(row, list(messages[:first]), columns, TASK)
        return Demonstration(row.where, prompt, messages[first:])
    expected = "a response, as text or messages; a row has prompt and completion, or messages"
    completion = row.get("completion", expected)
    prompt = prompt_of(row, row.get("prompt", "a text, or messages"), columns, TASK)
    if isinstance(completion, str):
        return Demonstration(row.where, prompt, completion)
    if prompt.messages is None:
        raise DataError(f"{row.where}: prompt is text and completion is not; expected two texts, or lists of messages")
    messages = _messages(row, "completion", completion)
    _first_turn(row, "completion", messages)
    return Demonstration(row.where, prompt, messages)


def _messages(row: Row, column: str, value: Any) -> Messages:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value or not all(map(is_message, value)):
        raise DataError(f"{row.where}: column {column!r} holds no messages; expected a list of role and content")
    return tuple(dict(message) for message in value)


def _first_turn(row: Row, column: str, messages: Messages) -> int:
    """Place of the assistant's first turn."""
    found = (place for place, message in enumerate(messages) if message["role"] == "assistant")
    place = next(found, None)
    if place is None:
        raise DataError(f"{row.where}: column {column!r} has no turn of the assistant; expected one to learn from")
    return place
