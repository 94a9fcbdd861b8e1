"""Responses whose verdict is known from the instructions, made by rule and not by the verifier: for `checks`."""

from collections.abc import Iterator, Mapping
from typing import Any

from assay.errors import AssayError
from assay.tasks.instructions.follow import read_gold
from assay.tasks.near_misses import Case
from assay.types import Verdict

NOTHING = "~"
"""A response that has no word."""
LINES = 3
"""Bullets or paragraphs too many, so that the loose reading, which may leave out two lines, finds too many as well."""


def cases(gold: Any) -> Iterator[Case]:
    """An empty response, one that misses each instruction and, of a gold with one only, one that follows it."""
    yield "", Verdict.WRONG, "empty response"
    try:
        wanted = read_gold(gold)
    except AssayError:  # then the empty response is unknown, and the check fails
        return
    for name, arguments in wanted:
        follows, misses = _examples(name, arguments)
        if misses is not None:
            yield misses, Verdict.WRONG, f"misses {name}"
        if follows is not None and len(wanted) == 1:
            yield follows, Verdict.RIGHT, f"follows {name}"


def _examples(name: str, arguments: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """A response that follows an instruction and one that does not; None where there is none to be had by rule."""
    if name in FIXED:
        return FIXED[name]
    if name in COUNTED:
        return _counted(name, arguments)
    return _of_text(name, arguments)


FIXED: dict[str, tuple[str | None, str | None]] = {
    "language:response_language": (None, "12345"),
    "detectable_format:constrained_response": ("My answer is yes.", "Yes."),
    "detectable_format:json_format": ('{"a": [1, 2]}', "{'a': [1, 2]}"),
    "detectable_format:title": ("<<A poem>>\nRoses are red.", "<A poem>\nRoses are red."),
    "combination:two_responses": ("One.\n******\nTwo.", "One.\n******\nOne."),
    "startend:quotation": ('"Roses are red."', 'Roses are red."'),
    "change_case:english_capital": (None, "Roses Are Red."),
    "change_case:english_lowercase": (None, "Roses are red."),
    "punctuation:no_comma": ("Roses are red.", "Roses, red."),
}
"""Of instructions without arguments. Texts in a language are left out, so that no package is needed."""

COUNTED = {
    "keywords:frequency": ("{keyword} ", "frequency", "relation"),
    "keywords:letter_frequency": ("{letter}", "let_frequency", "let_relation"),
    "length_constraints:number_sentences": ("It is so. ", "num_sentences", "relation"),
    "length_constraints:number_words": ("word ", "num_words", "relation"),
    "change_case:capital_word_frequency": ("WORD ", "capital_frequency", "capital_relation"),
    "detectable_content:number_placeholders": ("[name] ", "num_placeholders", None),
    "detectable_format:number_highlighted_sections": ("*part* ", "num_highlights", None),
    "detectable_format:multiple_sections": ("{section_spliter} 1\n", "num_sections", None),
}
"""What is counted, the argument with the number, and that with the relation (none: at least)."""


def _counted(name: str, arguments: Mapping[str, Any]) -> tuple[str | None, str | None]:
    unit, number, relation = COUNTED[name]
    text, threshold = unit.format(**arguments), arguments[number]
    if threshold == 0:
        return None, None
    enough, too_few = text * threshold, text * (threshold - 1) or NOTHING
    return (enough, too_few) if relation is None or arguments[relation] == "at least" else (too_few, enough)


def _of_text(name: str, arguments: Mapping[str, Any]) -> tuple[str | None, str | None]:
    match name:
        case "keywords:existence":
            return " and ".join(arguments["keywords"]), NOTHING
        case "keywords:forbidden_words":
            return NOTHING, arguments["forbidden_words"][0]
        case "detectable_content:postscript":
            return f"Dear all.\n\n{arguments['postscript_marker']} More.", "Dear all."
        case "detectable_format:number_bullet_lists":
            count = arguments["num_bullets"]
            return "* point\n" * count or NOTHING, "* point\n" * (count + LINES)
        case "combination:repeat_prompt":
            return f"{arguments['prompt_to_repeat']}\n\nYes.", f"Yes: {arguments['prompt_to_repeat']}"
        case "startend:end_checker":
            return f"So it is. {arguments['end_phrase']}", f"{arguments['end_phrase']} So it is."
        case "length_constraints:number_paragraphs":
            count = arguments["num_paragraphs"]
            if count == 1:  # without asterisks, as the loose reading has it, any number is one
                return "Text.", None
            return "\n***\n".join(["Text."] * count) or None, "\n***\n".join(["Text."] * (count + LINES))
        case "length_constraints:nth_paragraph_first_word":
            count, nth = arguments["num_paragraphs"], arguments["nth_paragraph"]
            starts = [arguments["first_word"] if n == nth else NOTHING for n in range(1, count + 1)]
            return "\n\n".join(starts) if nth <= count else None, "\n\n".join([NOTHING] * count)
    raise AssertionError(f"{name} has no cases")
