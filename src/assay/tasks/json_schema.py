"""The verifier `json_schema`: is the JSON of a response valid against the gold, a JSON schema (draft 2020-12)?

The JSON is what the last closed ```json fence holds, else the whole response. Nothing is fetched: a `$ref` out of the
schema is a fault of the gold. `format` is not checked, which is the draft's default. Regular expressions (`pattern`)
are Python's; keeping them fast is on the schema's author. Text, depth and numbers of a response are bounded.
"""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from assay.tasks.answers import final_part
from assay.tasks.json_text import read_json
from assay.types import Score, right, unknown, wrong

JUDGE = "json_schema@1"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(response: str, gold: Any) -> Score:
    """RIGHT where the response's JSON is valid against the schema `gold`: a table, true or false, or their JSON text.

    WRONG with the reason where it is invalid, or no JSON, or has NaN or a key given twice; UNKNOWN where the schema is
    none, names another draft or points out of itself.
    """
    try:
        validator = _validator(gold)
    except (ValueError, SchemaError, RecursionError) as error:
        return unknown(JUDGE, f"the gold is no JSON schema: {_first_line(error)}")
    text = json_part(response)
    if not text:
        return wrong(JUDGE, "no answer")
    try:
        value = read_json(text)
    except ValueError as error:
        return wrong(JUDGE, str(error), text[:200])
    try:
        invalid = next(validator.iter_errors(value), None)
    except Exception as fault:  # a $ref that leads nowhere or round in a circle: the schema's faults
        return unknown(JUDGE, f"the schema cannot be used: {type(fault).__name__}: {_first_line(fault)}")
    if invalid is None:
        return right(JUDGE, text[:200])
    return wrong(JUDGE, f"at {invalid.json_path[:80]}: {_first_line(invalid)}", text[:200])


def json_part(response: str) -> str:
    """Where the JSON of a response stands: in its last closed ```json fence, else all of it."""
    text = final_part(response)
    block: list[str] | None = None
    last = None
    for line in text.splitlines():
        mark = line.strip().lower()
        if block is None and mark == "```json":
            block = []
        elif block is not None and mark == "```":
            last, block = block, None
        elif block is not None:
            block.append(line)
    return (text if last is None else "\n".join(last)).strip()


def _validator(gold: Any) -> Any:
    schema = read_json(gold) if isinstance(gold, str) else gold
    if not isinstance(schema, dict | bool):
        raise ValueError(f"expected a table, true or false, got {type(schema).__name__}")
    named = schema.get("$schema", DRAFT) if isinstance(schema, dict) else DRAFT
    if not isinstance(named, str) or named.rstrip("#") != DRAFT:
        raise ValueError(f"it is of the draft {str(named)[:80]!r}; expected {DRAFT}")
    _Validator.check_schema(schema)
    return _Validator(schema, registry=Registry())


def _unique_items(_: Any, wanted: Any, items: Any, __: Any) -> Iterator[ValidationError]:
    """`uniqueItems` in linear time: the library compares each item with each other."""
    if wanted and isinstance(items, list) and len({_canonical(item) for item in items}) < len(items):
        yield ValidationError("has items that are the same")


def _canonical(value: Any) -> str:
    """One text for values that are equal in JSON Schema: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _first_line(error: Any) -> str:
    text = getattr(error, "message", None) or str(error)
    return text.splitlines()[0][:160] if text else type(error).__name__


_Validator = extend(Draft202012Validator, {"uniqueItems": _unique_items})
