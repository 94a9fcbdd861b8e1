"""Numbers and verdicts in words. None is always 'not known', never 0."""

import re
from collections.abc import Callable, Mapping
from typing import Any

NOT_KNOWN = "not known"
PERCENT = "\u202f%"
"""The sign after a narrow space at which no line breaks."""
Show = Callable[[float], str]

HEADLINES = {
    "extended": "New ability: {tuned} reaches problems that {base} does not, even with {K} tries at each.",
    "narrowed": "Narrower: with {K} tries at each, {tuned} reaches fewer problems than {base}, "
    "and at the first try it is no better.",
    "sharpened": "Surer, not more able: {tuned} is right more often at the first try, but with {K} tries "
    "it reaches no more problems than {base}.",
    "sharpened and narrower": "Surer, and narrower: {tuned} is right more often at the first try, but with {K} tries "
    "it reaches fewer problems than {base}.",
    "neither": "No change worth naming between {base} and {tuned}, neither at the first try nor with {K}.",
    "not enough data": "These samples cannot tell whether {tuned} gained ability over {base}, got surer, or neither.",
}


def headline(comparison: Mapping[str, Any]) -> str:
    """The verdict in one plain sentence; for a verdict that this version does not know, the verdict itself."""
    verdict, at_K = comparison["verdict"], comparison["evidence"]["pass_at_K"]
    if verdict == "sharpened" and at_K is not None and at_K["high"] < 0:
        verdict = "sharpened and narrower"
    sentence = HEADLINES.get(verdict, verdict.capitalize() + ".")
    return sentence.format(base=comparison["base"], tuned=comparison["tuned"], K=comparison["evidence"]["K"])


def percent(share: float | None, digits: int = 1) -> str:
    """0.3124 -> '31.2 %'."""
    return NOT_KNOWN if share is None else f"{_minus(100 * share, digits)}{PERCENT}"


def share_of(value: float | None) -> str:
    """As `percent` with two digits, and never all or nothing for what is only nearly so."""
    text = percent(value, 2)
    if value is None or value in (0, 1) or text not in (percent(0, 2), percent(1, 2)):
        return text
    return f"< {percent(1e-4, 2)}" if value < 0.5 else f"> {percent(1 - 1e-4, 2)}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A pass@k, as the verdict's sentences write it: 0.312."""
    return NOT_KNOWN if value is None else _minus(value, digits)


def change(difference: float | None) -> str:
    """A difference of two pass@k: 0.041 -> '+0.041'."""
    return signed(difference, 3)


def signed(value: float | None, digits: int = 1) -> str:
    """2.04 -> '+2.0', -2.04 -> '−2.0'; what rounds to nothing has no sign."""
    if value is None:
        return NOT_KNOWN
    text = _minus(value, digits)
    return text if value <= 0 or float(text) == 0 else "+" + text


def _minus(value: float, digits: int) -> str:
    """With a true minus sign, and none before a zero."""
    text = f"{abs(value):.{digits}f}"
    return "−" + text if value < 0 and float(text) != 0 else text


def number(value: float | None, digits: int = 1) -> str:
    """Whole numbers with thousands separated, others with `digits` decimals; large ones without."""
    if value is None:
        return NOT_KNOWN
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}f}"


def compact(value: float | None) -> str:
    """Four significant digits, in scientific notation where it is very large or very small."""
    return NOT_KNOWN if value is None else f"{value:.4g}".replace("-", "−")


def p_value(p: float | None) -> str:
    """0.0004 -> 'p < .001', 0.034 -> 'p = .034', with spaces at which no line breaks."""
    if p is None:
        return f"p {NOT_KNOWN}"
    words = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")
    return words.replace(" ", "\u00a0")


def with_interval(value: Mapping[str, Any] | None, show: Show) -> str:
    """'31.2 % (28.1 % to 34.5 %)'; a bound that the data do not give is said to be open."""
    if value is None or value.get("estimate") is None:
        return NOT_KNOWN
    if value.get("low") is None and value.get("high") is None:
        return show(value["estimate"])
    return f"{show(value['estimate'])} ({bounds(value, show)})"


def bounds(value: Mapping[str, Any], show: Show) -> str:
    """'28.1 % to 34.5 %', or with an open bound '28.1 % or more', '34.5 % or less'."""
    low, high = value.get("low"), value.get("high")
    if low is not None and high is not None:
        return f"{show(low)} to {show(high)}"
    if low is not None:
        return f"{show(low)} or more"
    if high is not None:
        return f"{show(high)} or less"
    return "interval " + NOT_KNOWN


def prose(sentence: str) -> str:
    """A sentence of a findings document as it is printed: true minus signs, and no line break within '95 %'."""
    return re.sub(r"(?<![^\s(])-(?=\d)", "−", sentence).replace(" %", "\u00a0%")


def upper_first(sentence: str) -> str:
    """With its first letter in upper case."""
    return sentence[:1].upper() + sentence[1:]


def plural(count: int, noun: str) -> str:
    """'1 problem', '1,024 problems'."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
