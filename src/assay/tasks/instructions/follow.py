"""Does a response follow its instructions? The verifier `instructions`, strict or loose as in IFEval.

A gold is a list of `{"id": ..., "kwargs": {...}}`, or IFEval's columns `{"instruction_id_list": [...], "kwargs":
[{...}]}`; an argument that is null is absent. A response is RIGHT where it follows all of its instructions.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from inspect import signature
from typing import Any, Literal

from pydantic import create_model

from assay.config import Strict, build
from assay.errors import AssayError, DataError
from assay.registry import nearest, resolve
from assay.tasks.answers import TAIL, final_part
from assay.tasks.instructions import INSTRUCTIONS
from assay.types import Score, right, unknown, wrong

Read = Literal["strict", "loose"]
Instruction = tuple[str, Mapping[str, Any]]
"""An id and its arguments."""


def instructions(response: str, gold: Any, read: Read = "strict", judge: str = "instructions@1") -> Score:
    """RIGHT where every instruction is followed; `steps` has 1.0, 0.0 or None for each, in the gold's order.

    UNKNOWN where the gold cannot be read, or where an instruction cannot be judged and all others are followed. What is
    judged follows the last `</think>`, and has fewer than `answers.TAIL` characters.
    """
    try:
        wanted = read_gold(gold)
    except AssayError as error:
        return unknown(judge, f"the gold cannot be read: {error}")
    text = final_part(response)
    if not text.strip() or len(text) >= TAIL:
        reason = "empty response" if not text.strip() else f"a response of {TAIL:,} or more characters"
        return wrong(judge, reason, steps=(0.0,) * len(wanted))
    variants = [text] if read == "strict" else loose_variants(text)
    verdicts = [_follows(instruction, variants) for instruction in wanted]
    steps = tuple(None if isinstance(each, str) else float(each) for each in verdicts)
    missed = [name for (name, _), each in zip(wanted, verdicts, strict=True) if each is False]
    if missed:
        return wrong(judge, f"not followed: {', '.join(missed)}", steps=steps)
    open_questions = [each for each in verdicts if isinstance(each, str)]
    return unknown(judge, open_questions[0], steps=steps) if open_questions else right(judge, steps=steps)


def read_gold(gold: Any) -> list[Instruction]:
    """The instructions of a gold with their checked arguments. Raises AssayError where they cannot be read."""
    wanted: list[Instruction] = []
    for name, arguments in _pairs(gold):
        if not isinstance(name, str) or not isinstance(arguments, Mapping | None):
            raise DataError(f"expected an instruction's id and its arguments, got {str((name, arguments))[:80]}")
        if name not in INSTRUCTIONS:
            raise DataError(f"unknown instruction {name!r}{nearest(name, INSTRUCTIONS)}; docs/tasks.md lists them")
        given = {key: value for key, value in (arguments or {}).items() if value is not None}
        wanted.append((name, build(_arguments(name), given, f"instruction {name}").model_dump()))
    if not wanted:
        raise DataError("it has no instruction; expected one at least")
    return wanted


def loose_variants(text: str) -> list[str]:
    """The eight texts of IFEval's loose reading: without the first line, the last, both; each with and without `*`."""
    lines = text.split("\n")
    cut = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*cut, *(each.replace("*", "") for each in cut)]


def _follows(instruction: Instruction, variants: Sequence[str]) -> bool | str:
    """Whether any variant follows the instruction, or why that cannot be said."""
    name, arguments = instruction
    follows: Callable[[str], bool] = partial(resolve(INSTRUCTIONS[name]), **arguments)
    try:
        return any(follows(variant) for variant in variants if variant.strip())
    except AssayError as error:
        return str(error)


def _pairs(gold: Any) -> list[tuple[Any, Any]]:
    if isinstance(gold, Mapping) and {"instruction_id_list", "kwargs"} <= set(gold):
        names, arguments = gold["instruction_id_list"], gold["kwargs"]
        if isinstance(names, list) and isinstance(arguments, list) and len(names) == len(arguments):
            return list(zip(names, arguments, strict=True))
        raise DataError("expected the lists 'instruction_id_list' and 'kwargs', one of each an instruction")
    if isinstance(gold, list) and all(isinstance(each, Mapping) for each in gold):
        return [(each.get("id"), each.get("kwargs")) for each in gold]
    raise DataError(f"expected a list of instructions, each with 'id' and 'kwargs', got {str(gold)[:80]}")


@cache
def _arguments(name: str) -> type[Strict]:
    """The table of an instruction's arguments, by the annotations of its function."""
    _, *parameters = signature(resolve(INSTRUCTIONS[name])).parameters.values()
    fields: dict[str, Any] = {each.name: (each.annotation, ...) for each in parameters}
    return create_model(name, __base__=Strict, **fields)
