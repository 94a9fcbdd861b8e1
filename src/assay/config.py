"""Strict configuration: pydantic models that name the nearest key when one is unknown."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from assay.errors import RecipeError
from assay.registry import nearest

M = TypeVar("M", bound=BaseModel)


EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dict": "a table",
    "model": "a table",
}
"""What a value must be, by the first word of pydantic's name for the mistake, as in 'int_parsing'."""


class Strict(BaseModel):
    """Base of every recipe table: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def build(model: type[M], options: Mapping[str, Any], where: str, table: str = "") -> M:
    """`model` from `options`, or a RecipeError that says what is wrong where, one line a mistake.

    `table` stands before the names of keys, as in "algorithm.".
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise RecipeError("\n".join(_sentence(model, where, table, details) for details in error.errors())) from None


def _sentence(model: type[BaseModel], where: str, table: str, details: Any) -> str:
    path = [str(part) for part in details["loc"]]
    dotted = table + ".".join(path) if path else ""
    if details["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        return f"{where}: unknown key {dotted!r}{nearest(path[-1], known)}; known here: {', '.join(known)}"
    if details["type"] == "missing":
        return f"{where}: {dotted!r} is missing; it must be given"
    at = f" {dotted!r}:" if dotted else ""
    got = "" if isinstance(details["input"], dict) else f", got {details['input']!r}"
    kind = EXPECTED.get(details["type"].partition("_")[0])
    quotes = '; put each text of it in quotes, as in ["verifier"]' if kind == "a list" and got[6:8] == "'[" else ""
    said = f"expected {kind}" if kind else details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{where}:{at} {said}{got}{quotes}"


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    kind: Any = model
    for part in path:
        kind = kind.model_fields[part].annotation if _is_table(kind) else _table_in(kind)
        if isinstance(kind, UnionType):
            kind = _table_in(kind)
    return sorted(kind.model_fields)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _table_in(kind: Any) -> Any:
    """X of `X | None`, of `dict[str, X]` and of `tuple[X, ...]`."""
    return next(each for each in get_args(kind) if _is_table(each))
