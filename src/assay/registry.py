"""Registries are literal dictionaries of "module:function" strings; this resolves them when they are used."""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from assay.errors import RecipeError


def resolve(target: str) -> Any:
    """The object named by "module:name". Raises RecipeError with what could not be found."""
    module_name, separator, name = target.partition(":")
    if not separator or not name:
        raise RecipeError(f"{target!r} does not name an object; write module:function, for example my_rewards:length")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise RecipeError(
            f"{target!r}: {error}; is the module on the path? For example: PYTHONPATH=. assay ..."
        ) from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise RecipeError(f"{target!r}: module {module_name} has no {name!r}{nearest(name, dir(module))}") from None


def lookup(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """The object registered under `name`, or, for a user's own, the one named by "module:name"."""
    if name in table:
        return resolve(table[name])
    if ":" in name:
        return resolve(name)
    raise RecipeError(f"unknown {kind} {name!r}{nearest(name, table)}; there are {', '.join(sorted(table))}")


def nearest(name: str, known: Iterable[str]) -> str:
    """', did you mean X?' for the closest known name, or the empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""
