r"""Equal forms and near-misses of numbers with a mark, words, tuples, intervals, lists and matrices."""

import re
from collections.abc import Iterator

from assay.tasks.answers import canonical
from assay.tasks.math.case_numbers import RIGHT, WRONG, Form
from assay.tasks.math.case_text import bracketed, is_expression, is_interval, items_of, summands
from assay.tasks.math.case_values import rational_of, terms_of

_NUMBER = r"-?(?:\d[\d,]*(?:\.\d+)?|\.\d+|\\[dt]?frac\s*(?:\{\d+\}|\d)\s*(?:\{\d+\}|\d))(?:,\\!\s?\d{3})*"
_DEGREES = re.compile(rf"({_NUMBER})\s*\^\s*(?:\\circ|\{{\s*\\circ\s*\}})")
_PER_CENT = re.compile(rf"({_NUMBER})\s*\\?%")
_MONEY = re.compile(rf"\\\$\s*({_NUMBER})")
_UNIT = re.compile(rf"({_NUMBER})\s*\\(?:text|mbox)\{{\s*([a-z]+)\s*\}}(?:\^(\d))?")
_CHOICE = re.compile(r"\\text\{\(([A-Z])\)\}")
_WORD = re.compile(r"\\text\{([A-Za-z]+)\}")
_STRANGER = {(True, False): "(0, 0, 0, 0, 7)", (False, True): "{} = 987654", (False, False): "987654"}
_MATRIX = re.compile(r"\\begin\{pmatrix\}(.*)\\end\{pmatrix\}", re.DOTALL)


def marked_forms(text: str) -> Iterator[Form]:
    """Of a number with a degree sign, a per cent sign, a currency or a unit, which the field leaves out at will."""
    if match := _DEGREES.fullmatch(text):
        number, more = match[1], _more(match[1])
        for form in (f"{number}^{{\\circ}}", f"{number}^\\circ", f"{number}°", f"{number} \\text{{ degrees}}", number):
            yield form, RIGHT, "degrees"
        yield f"{more}^\\circ", WRONG, "one more"
    elif match := _PER_CENT.fullmatch(text):
        number, value = match[1], rational_of(match[1])
        for form in (f"{number}\\%", f"{number} \\%", f"{number}%", f"{number} \\text{{ percent}}"):
            yield form, RIGHT, "per cent"
        if value is not None:
            yield canonical(value / 100), RIGHT, "per cent as a decimal"
            yield f"{canonical(value / 10)}\\%", WRONG, "decimal point moved"
        yield f"{_more(number)}\\%", WRONG, "one more"
    elif match := _MONEY.fullmatch(text):
        yield match[1], RIGHT, "currency dropped"
        yield f"{match[1]} \\text{{ dollars}}", RIGHT, "currency as a word"
        yield f"\\${_more(match[1])}", WRONG, "one more"
    elif match := _UNIT.fullmatch(text):
        power = f"^{match[3]}" if match[3] else ""
        yield match[1], RIGHT, "unit dropped"
        yield f"{match[1]} \\text{{ {match[2]}}}{power}", RIGHT, "unit in text"
        yield f"{_more(match[1])} \\text{{ {match[2]}}}{power}", WRONG, "one more"


def text_forms(text: str) -> Iterator[Form]:
    """Of a letter of choice or a word."""
    if match := _CHOICE.fullmatch(text):
        letter = match[1]
        other = "B" if letter == "A" else "A"
        for form in (letter, f"({letter})", f"\\text{{{letter}}}", f"\\textbf{{({letter})}}", f"\\mathrm{{{letter}}}"):
            yield form, RIGHT, "choice"
        yield f"\\text{{({other})}}", WRONG, "another choice"
        yield f"\\text{{({letter}) or ({other})}}", WRONG, "two choices"
    elif match := _WORD.fullmatch(text):
        word = match[1]
        for form in (word, f"\\textbf{{{word}}}", f"\\mathrm{{{word}}}", f"\\text{{ {word} }}"):
            yield form, RIGHT, "word"
        yield f"\\text{{not {word}}}", WRONG, "word denied"


def tuple_forms(text: str) -> Iterator[Form]:
    """Of a tuple in round brackets, or an interval: its brackets alone do not say which it is."""
    opening, items, closing = bracketed(text)
    if opening not in ("(", "[") or len(items) < 2:
        return
    yield f"{opening}{', '.join(items)}{closing}", RIGHT, "spacing"
    yield f"{opening} {' , '.join(items)} {closing}", RIGHT, "spacing"
    yield f"\\left{opening} {', '.join(items)} \\right{closing}", RIGHT, "left and right"
    for index, item in enumerate(items[:3]):
        value = rational_of(item)
        if value is None:
            continue
        head = opening + "".join(f"{before}, " for before in items[:index])
        tail = "".join(f", {after}" for after in items[index + 1 :]) + closing
        if value.denominator > 1 and "/" not in canonical(value):
            yield f"{head}{canonical(value)}{tail}", RIGHT, "a coordinate as a decimal"
        yield (
            f"{head}\\frac{{{2 * value.numerator}}}{{{2 * value.denominator}}}{tail}",
            RIGHT,
            "a coordinate not reduced",
        )
        yield f"{head}{canonical(value + 1)}{tail}", WRONG, "a coordinate off by one"
    first, second = terms_of(items[0]), terms_of(items[1])
    if first is not None and second is not None and first != second:
        yield opening + ", ".join([items[1], items[0], *items[2:]]) + closing, WRONG, "two coordinates swapped"
    yield opening + ", ".join([*items, "0"]) + closing, WRONG, "a coordinate added"
    if len(items) > 2:
        yield opening + ", ".join(items[:-1]) + closing, WRONG, "a coordinate dropped"


def interval_forms(text: str) -> Iterator[Form]:
    """Of an interval, known by a square bracket or an infinite end, and of a union of such."""
    member = re.fullmatch(r"([a-z])\s*\\in\s*(.*)", text)
    text = member[2] if member else text
    pieces = [piece.strip() for piece in re.split(r"\\cup", text)]
    parts = [bracketed(piece) for piece in pieces]
    if not all(is_interval(piece) or len(pieces) > 1 for piece in pieces) or any(len(part[1]) != 2 for part in parts):
        return
    yield f"x \\in {text}", RIGHT, "as a membership"
    yield text, RIGHT, "membership dropped" if member else "interval"
    if "\\infty" in text:
        yield re.sub(r"(?<!-)\\infty", r"+\\infty", text), RIGHT, "plus infinity"
    opening, (low, high), closing = parts[0]
    if len(pieces) > 1:
        yield " \\cup ".join(reversed(pieces)), RIGHT, "union reordered"
        yield " \\cup ".join(pieces[1:]), WRONG, "a piece of the union dropped"
    else:
        yield _inequality(opening, low, high, closing), RIGHT, "as an inequality"
    rest = "".join(f" \\cup {piece}" for piece in pieces[1:])
    if "\\infty" not in low:
        other = "[" if opening == "(" else "("
        yield f"{other}{low}, {high}{closing}{rest}", WRONG, "the kind of an end changed"
    elif len(pieces) == 1:
        other = "]" if closing == ")" else ")"
        yield f"{opening}{low}, {high}{other}", WRONG, "the kind of an end changed"
        yield f"({high}, \\infty)", WRONG, "the other side"
    if (value := rational_of(high)) is not None:
        yield f"{opening}{low}, {canonical(value + 1)}{closing}{rest}", WRONG, "an end off by one"
    elif (value := rational_of(low)) is not None:
        yield f"{opening}{canonical(value - 1)}, {high}{closing}{rest}", WRONG, "an end off by one"


def list_forms(text: str, unordered: bool = False) -> Iterator[Form]:
    """Of several answers: a set in braces, a list of tuples or of equations of one name, or any list if `unordered`."""
    opening, items, _ = bracketed(text)
    braces = opening == "\\{"
    if not braces:
        items = items_of(text) if rational_of(text) is None else [text]
    if len(items) < 2 or (opening and not braces) or len(set(items)) < len(items):
        return
    names = {item.partition("=")[0].strip() for item in items}
    named = len(names) == 1 and all(item.count("=") == 1 for item in items)
    if re.search(r"[:$%]|\\(?:text|mbox|quad|!)|=", text.replace("=", "") if named else text):
        return
    tuples = all(bracketed(item)[0] == "(" for item in items)
    if tuples or braces or named or unordered:
        yield ", ".join(reversed(items)), RIGHT, "list reordered"
        yield f"\\{{{', '.join([*items[1:], items[0]])}\\}}", RIGHT, "set in braces, reordered"
        yield " \\text{ and } ".join(items), RIGHT, "list joined by and"
    yield ", ".join(items), RIGHT, "list"
    yield ", ".join(items[:-1]), WRONG, "an item dropped"
    yield ", ".join([*items, _STRANGER[tuples, named].format(*names)]), WRONG, "an item added"
    if (value := rational_of(items[0])) is not None:
        changed = canonical(value + 1000)
        yield ", ".join([changed, *items[1:]]), WRONG, "an item changed"


def plus_minus_forms(text: str) -> Iterator[Form]:
    r"""Of a \pm b."""
    left, mark, right = text.partition("\\pm")
    left, right = left.strip(), right.strip()
    if not mark or not left or not is_expression(left + right) or len(summands(right)) != 1:
        return
    yield f"{left} + {right}, {left} - {right}", RIGHT, "plus-minus as a list"
    yield f"{left} - {right}, {left} + {right}", RIGHT, "plus-minus as a list"
    yield f"{left} + {right}", WRONG, "an item dropped"
    yield f"{left} - {right}", WRONG, "an item dropped"
    yield f"-({left}) \\pm {right}", WRONG, "sign flipped"


def matrix_forms(text: str) -> Iterator[Form]:
    """Of a matrix or column vector in round brackets."""
    match = _MATRIX.fullmatch(text)
    if not match:
        return
    rows = [[cell.strip() for cell in row.split("&")] for row in re.split(r"\\\\", match[1].strip())]
    yield _matrix(rows), RIGHT, "spacing"
    yield _matrix(rows, "bmatrix"), RIGHT, "square brackets"
    yield _matrix(rows).replace(r"\end{", r"\\\end{"), RIGHT, "a row end at the end"
    value = rational_of(rows[0][0])
    if value is not None:
        top = canonical(value + 1)
        double = f"\\frac{{{2 * value.numerator}}}{{{2 * value.denominator}}}"
        yield _matrix([[double, *rows[0][1:]], *rows[1:]]), RIGHT, "an entry not reduced"
        yield _matrix([[top, *rows[0][1:]], *rows[1:]]), WRONG, "an entry off by one"
    if rows[0] != rows[-1]:
        yield _matrix([rows[-1], *rows[1:-1], rows[0]]), WRONG, "rows swapped"
    if len(rows) > 1:
        yield _matrix(rows[:-1]), WRONG, "a row dropped"


def _more(number: str) -> str:
    """The number one greater; with a 1 before it where it has no value here."""
    value = rational_of(number)
    return f"1{number}" if value is None else canonical(value + 1)


def _inequality(opening: str, low: str, high: str, closing: str) -> str:
    """`-2 \\le x < 7` for [-2, 7)."""
    left = "" if "\\infty" in low else f"{low} {'<' if opening == '(' else chr(92) + 'le'} "
    right = "" if "\\infty" in high else f" {'<' if closing == ')' else chr(92) + 'le'} {high}"
    return f"{left}x{right}"


def _matrix(rows: list[list[str]], name: str = "pmatrix") -> str:
    return f"\\begin{{{name}}}" + r" \\ ".join(" & ".join(row) for row in rows) + f"\\end{{{name}}}"
