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
    own = "module:Class" if kind == "task" else "module:function"
    guess = nearest(name, table) or (f", did you mean {':'.join(name.rsplit('.', 1))!r}?" if "." in name else "")
    raise RecipeError(f"unknown {kind} {name!r}{guess}; there are {', '.join(sorted(table))}, or your own as {own}")


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """', did you mean X?' for the closest known name, or the empty string; `cutoff` 1 is the same name."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f", did you mean {close[0]!r}?" if close else ""
