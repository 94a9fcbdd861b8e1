"""The phrases that tell a response which reflects, as two papers' programs list them, and lists of one's own.

Every list is a sequence of regular expressions in Rust's syntax, searched without regard to case.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from pydantic import RootModel

from assay.config import build
from assay.errors import RecipeError

PHRASES: Mapping[str, Sequence[str]] = {
    "oat-zero": (
        "recheck", "rethink", "reevaluate", "re-evaluate", "reevaluation", "re-examine", "reexamine", "try again",
        "check again", "think again", "go over the steps",
    ),
    "understand-r1-zero": (
        "recheck", "rethink", "reassess", "reevaluate", "re-evaluate", "reevaluation", "re-examine", "reexamine",
        "reconsider", "reanalyze", "double-check", "check again", "think again", "verify again", "go over the steps",
    ),
    "wait-aha": (r"\bwait\b", r"\baha\b"),
}  # fmt: skip
"""The first two are those of sail-sg/oat-zero (analysis/eval_self_reflect.py) and sail-sg/understand-r1-zero
(analysis/keyword_count.py), word for word; neither has "wait" or "aha", which are a list of their own."""


class _Lists(RootModel[dict[str, list[str]]]):
    pass


def load_phrases(path: Path | None) -> dict[str, tuple[str, ...]]:
    """The built-in lists, and those of a TOML file of lines such as `doubt = ["hold on", "not sure"]`.

    Raises RecipeError for a file that cannot be read, a list that has no expression or the name of another one, and an
    expression that cannot be read.
    """
    lists = {name: tuple(each) for name, each in PHRASES.items()}
    if path is None:
        return lists
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot read these patterns ({error.strerror}); give a TOML file") from None
    except ValueError as error:  # neither UTF-8 nor TOML
        raise RecipeError(f'{path}: is not valid TOML: {error}; expected lines such as doubt = ["hold on"]') from None
    own = build(_Lists, table, str(path)).root
    if not own:
        raise RecipeError(f'{path}: has no patterns; expected lines such as doubt = ["hold on", "not sure"]')
    for name, patterns in own.items():
        if name in lists:
            raise RecipeError(f"{path}: {name!r} is a list of its own already; give yours another name")
        if not patterns:
            raise RecipeError(f"{path}: {name!r} has no pattern; expected regular expressions, each in quotes")
        for pattern in patterns:
            _check(path, name, pattern)
        lists[name] = tuple(patterns)
    return lists


def _check(path: Path, name: str, pattern: str) -> None:
    try:
        matches_nothing = not pl.Series([""]).str.contains(_either([pattern]))[0]
    except pl.exceptions.ComputeError as error:
        why = str(error).rpartition("error: ")[2].splitlines()[0].rstrip(".")
        raise RecipeError(
            f"{path}: {name!r}: {pattern!r} is no regular expression in Rust's syntax ({why}); correct it, or put \\ "
            "before a sign that stands for itself"
        ) from None
    if not matches_nothing:
        raise RecipeError(f"{path}: {name!r}: {pattern!r} is in every text; expected one that some texts do not have")


def expressions(lists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Name of a list -> one expression that matches where any of its own does."""
    return {column(name): _either(patterns) for name, patterns in lists.items()}


def column(name: str) -> str:
    """The column that says of each response whether it has a phrase of this list."""
    return f"phrase:{name}"


def _either(patterns: Sequence[str]) -> str:
    return f"(?i){'|'.join(f'(?:{pattern})' for pattern in patterns)}"
