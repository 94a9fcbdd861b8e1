"""Preferences: prompts with responses in the order of somebody's liking, read strictly (docs/preferences.md).

A pair is `prompt`, `chosen`, `rejected`, and optionally `margin`; a ranking `prompt`, `responses`, `ranks`. Texts, or
lists of messages as in TRL. Without `prompt` it is the common beginning of `chosen` and `rejected`.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile
from pathlib import Path
from typing import Any, Protocol, TypeVar

from assay.errors import DataError
from assay.tasks.rows import Row, read_rows
from assay.tasks.splits import split_of
from assay.types import Prompt

TURN = "\n\nAssistant:"
"""What a response begins with in text that has turns."""

Pair = tuple[int, int]
"""Places of the preferred and of the other response."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A prompt with responses of which some are preferred to others.

    `pairs` are all that the ranks tell apart; `margin` is by how much the preferred one should win (0 where not given).
    `columns` are the row's other columns.
    """

    prompt: Prompt
    responses: tuple[str, ...]
    pairs: tuple[Pair, ...]
    margin: float
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preferences:
    """Comparisons for training and held out, and how many rows were left out.

    They prefer nothing (`without_preference`), or are of the test file and their prompt is trained on (`in_both`).
    """

    train: tuple[Comparison, ...]
    test: tuple[Comparison, ...]
    without_preference: int
    in_both: int = 0

    @property
    def annotators(self) -> list[str]:
        """The simulated annotators that rows name, each once."""
        named = [each.columns.get("annotator") for each in (*self.train, *self.test)]
        return sorted({str(name) for name in named if name})


def read_preferences(train: Path, test: Path | None = None) -> Preferences:
    """The comparisons of one file, about a tenth of its prompts held out by their hash, or of two files.

    Raises DataError that names file and line.
    """
    kept = {path: [compare(row) for row in read_rows(path)] for path in filter(None, (train, test))}
    found = {path: [each for each in rows if each.pairs] for path, rows in kept.items()}
    left_out = sum(len(kept[path]) - len(found[path]) for path in kept)
    for path, rows in found.items():
        if not rows:
            raise DataError(f"{path}: no row prefers a response to another; expected responses and ranks that differ")
    if test is not None:
        unseen = not_trained_on(found[train], found[test], test)
        return Preferences(tuple(found[train]), unseen, left_out, len(found[test]) - len(unseen))
    split = {name: tuple(each for each in found[train] if each.prompt.split == name) for name in ("train", "test")}
    if not split["train"]:
        raise DataError(f"{train}: all its prompts are held out; give more rows, or a file of its own for testing")
    return Preferences(split["train"], split["test"], left_out)


class HasPrompt(Protocol):
    """A row that is trained or tested on."""

    @property
    def prompt(self) -> Prompt:
        """What it answers."""


R = TypeVar("R", bound=HasPrompt)


def not_trained_on(train: Sequence[R], test: Sequence[R], file: Path) -> tuple[R, ...]:
    """The rows of the test `file` whose problem and prompt no row for training has. Raises DataError without any."""
    trained = {identity for each in train for identity in _identities(each.prompt)}
    found = tuple(each for each in test if trained.isdisjoint(_identities(each.prompt)))
    if not found:
        raise DataError(
            f"{file}: all its prompts are trained on, too; give a file of other prompts to test on, or none, and about "
            "a tenth of the prompts is held out"
        )
    return found


def _identities(prompt: Prompt) -> tuple[str, str]:
    return f"problem {prompt.problem}", f"prompt {json.dumps(prompt.text or prompt.messages, sort_keys=True)}"


def compare(row: Row) -> Comparison:
    """The comparison in a row. Raises DataError."""
    if "responses" in row.values or "ranks" in row.values:
        prompt, responses, ranks = row.values.get("prompt"), *_ranking(row)
    else:
        prompt, responses = _pair(row)
        ranks = (1, 2)
    responses = tuple(responses)
    pairs = tuple(
        (a, b) if ranks[a] < ranks[b] else (b, a)
        for a, b in combinations(range(len(responses)), 2)
        if ranks[a] != ranks[b] and responses[a] != responses[b]
    )
    known = ("prompt", "chosen", "rejected", "responses", "ranks", "margin")
    columns = {name: value for name, value in row.values.items() if name not in known}
    return Comparison(prompt_of(row, prompt, columns, "preferences"), responses, pairs, _margin(row), columns)


def _pair(row: Row) -> tuple[Any, tuple[str, str]]:
    chosen, rejected = (row.get(name, "a response, as text or messages") for name in ("chosen", "rejected"))
    prompt = row.values.get("prompt")
    if type(chosen) is not type(rejected):
        raise DataError(
            f"{row.where}: chosen and rejected are of two kinds; expected two texts, or two lists of messages"
        )
    if prompt is None:
        prompt = _common(row, chosen, rejected)
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    return prompt, (_response(row, "chosen", chosen), _response(row, "rejected", rejected))


def _common(row: Row, chosen: Any, rejected: Any) -> Any:
    """The beginning that both share; in text with turns, up to the last turn that both begin."""
    alike = takewhile(lambda both: both[0] == both[1], zip(chosen, rejected, strict=False))
    shared = chosen[: sum(1 for _ in alike)]
    if isinstance(shared, str) and TURN in shared:
        shared = shared[: shared.rindex(TURN) + len(TURN)]
    if not shared:
        raise DataError(
            f"{row.where}: there is no prompt, and chosen and rejected do not begin alike; give a column 'prompt'"
        )
    if len(shared) == min(len(chosen), len(rejected)) and not isinstance(shared, str):
        shared = shared[:-1]  # the same message twice: its last one is the response
    return shared


def _ranking(row: Row) -> tuple[tuple[str, ...], tuple[int, ...]]:
    expected = "a list of responses, and as many ranks in 'ranks', 1 the best"
    responses, ranks = row.get("responses", expected), row.get("ranks", expected)
    if not all(isinstance(each, Sequence) and not isinstance(each, str) for each in (responses, ranks)):
        raise DataError(f"{row.where}: responses and ranks must be lists; expected {expected}")
    if len(responses) < 2:
        raise DataError(f"{row.where}: a ranking of {len(responses)} responses says nothing; expected 2 or more")
    if len(responses) != len(ranks):
        raise DataError(f"{row.where}: {len(responses)} responses and {len(ranks)} ranks; expected one each")
    if not all(isinstance(rank, int) and not isinstance(rank, bool) and rank >= 1 for rank in ranks):
        raise DataError(f"{row.where}: ranks {list(ranks)!r}; expected whole numbers, 1 the best")
    return tuple(_response(row, "responses", each) for each in responses), tuple(ranks)


def _response(row: Row, column: str, value: Any) -> str:
    """A response's text; of messages, the last one, which must be the assistant's."""
    if isinstance(value, str):
        return value
    is_one = isinstance(value, Sequence) and len(value) == 1 and isinstance(value[0], Mapping)
    if not is_one or value[0].get("role") != "assistant" or not isinstance(value[0].get("content"), str):
        is_whole = isinstance(value, Sequence) and len(value) > 1 and row.values.get("prompt") is not None
        raise DataError(
            f"{row.where}: column {column!r} holds no response; expected a text, or a message of the assistant"
            + ("; leave out 'prompt' where chosen and rejected are whole conversations" if is_whole else "")
        )
    return str(value[0]["content"])


def _margin(row: Row) -> float:
    value = row.values.get("margin")
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"{row.where}: margin {value!r}; expected a number")
    return float(value)


def prompt_of(row: Row, prompt: Any, columns: Mapping[str, Any], task: str) -> Prompt:
    """The prompt of a row, a text or a list of messages; held out or not by its identity. Raises DataError."""
    if isinstance(prompt, str) and prompt.strip():
        shown: dict[str, Any] = {"text": prompt}
    elif isinstance(prompt, list) and prompt and all(map(is_message, prompt)):
        shown = {"messages": tuple(dict(message) for message in prompt)}
    else:
        raise DataError(
            f"{row.where}: column 'prompt' holds no prompt; expected a text, or messages with role and content"
        )
    digest = hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).hexdigest()
    problem = str(columns.get("problem") or digest[:16])
    split = split_of(f"{task}/{problem}")  # not the split of a task, of which all problems may be train problems
    return Prompt(task=task, problem=problem, gold=None, split=split, columns=columns, **shown)


def is_message(value: Any) -> bool:
    """Whether a value is a message: a role and content, both text."""
    return isinstance(value, Mapping) and all(isinstance(value.get(key), str) for key in ("role", "content"))
