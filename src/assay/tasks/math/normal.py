"""The normal form of a mathematical answer, plain or LaTeX: what does not change the meaning is gone.

Words, as in `\\text{}`, are taken out before anything is rewritten and put back between ‹ and ›, so that `\\text{ cm}`
is never read as c times m; the end of a row of a matrix is ROW.
"""

import re
import unicodedata
from functools import lru_cache

from assay.tasks.math.words import NUMBERS, choice_of

LONGEST = 2000
"""Characters of an answer that are read; a longer one is not an answer."""

REMEMBERED = 4096
"""Texts whose normal form, number and shape are remembered: a gold is compared with every response to its problem."""

ROW = "⏎"

_SUPER, _SUB = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "₀₁₂₃₄₅₆₇₈₉"
_UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "⁄": "/", "≤": r"\le ",
        "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∞": r"\infty ", "π": r"\pi ", "√": r"\sqrt ", "°": r"^\circ ",
        "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "±": r"\pm ", "′": "'", "‹": "", "›": "", ROW: "",
        "∅": r"\emptyset ",
        "→": r"\to ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "、": ",", "。": ".", "；": ";", "½": r"\frac{1}{2}",
        "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "µ": "μ",
    }
)  # fmt: skip
_FUNCTIONS = "arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|ln|log|exp"
_WORD_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|mbox|hbox|mathrm|mathsf|mathtt|operatorname\*?)\s*(?=\{)"
)
_MONEY = ((r"\\[$]", "dollars"), ("€|\\\\euro(?![A-Za-z])", "euros"), ("¢", "cents"), ("[£¥₹]", "money"))
_TAKEN = 0xE000
"""First of the private characters that stand for words which are taken out."""

_STEPS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<!\\)[$]|\\[()\[\]]", " "),
        (r"(?<=[0-9])\s*(?:,\s*\\!|\{\s*,\s*\})\s*(?=[0-9]{3})", ""),
        (r",\s*\\!\s*|\{\s*,\s*\}\s*", ","),
        (r"\\!", ""),
        (r"\\(?:left|right|[bB]igg?[lrm]?)\s*(?=[^A-Za-z\s]|\\)", ""),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|rm|bf|it|[Ll]arge|LARGE|[Hh]uge|small)(?![A-Za-z])", ""),
        (r"\\(?:color|textcolor)\s*\{[^{}]*\}|\\color\s*[a-z]+", ""),
        (r"(?<=[0-9(\[{<>|)\]}.,])\.(?=\s*$)", ""),
        (r"\\(?:hspace|vspace|phantom|hphantom|label|tag)\s*\{[^{}]*\}", " "),
        (r"(?<![A-Za-z\\])(?:np|math|sp|sympy)\.(?=[a-z])", ""),
        (r"\\q?quad|\\[,;: ]|\\(?:thinspace|medspace|thickspace|nobreak)(?![A-Za-z])|~", " "),
        (r"\\(?:[dtc]|nice)frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\{\s*([0-9A-Za-z]+)\s*\\choose\s*([0-9A-Za-z]+)\s*\}", r"\\binom{\1}{\2}"),
        (r"\\(?:leq|leqslant)(?![A-Za-z])|<=|=<", r"\\le "),
        (r"\\(?:geq|geqslant)(?![A-Za-z])|>=", r"\\ge "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\neq(?![A-Za-z])|!=|\\not\s*=", r"\\ne "),
        (r"\\(?:simeq|approxeq|thickapprox|doteq)(?![A-Za-z])", r"\\approx "),
        (r"\\(?:cdot|times|ast)(?![A-Za-z])", "*"),
        (r"\\div(?![A-Za-z])", "/"),
        (r"(?<=[0-9])\s*[xX]\s*(?=10\s*\^)", "*"),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\lbrack(?![A-Za-z])", "["),
        (r"\\rbrack(?![A-Za-z])", "]"),
        (r"\\langle(?![A-Za-z])", "("),
        (r"\\rangle(?![A-Za-z])", ")"),
        (r"\\(?:l|r)?vert(?![A-Za-z])", "|"),
        (r"\\varnothing(?![A-Za-z])|\\\{\s*\\\}", r"\\emptyset "),
        (r"\\(?:mathbf|mathit|mathcal|boldsymbol|bm|vec|pmb|underline)\s*\{([^{}]*)\}", r"\1"),
        (r"\\mathrm\s*([A-Za-z])(?![A-Za-z])", r"\1"),
        (r"\^\s*\{?\s*(?:\\circ|\\degree)\s*\}?|\\degree(?![A-Za-z])|\bdegrees?\b", "°"),
        (r"\\%|(?<![A-Za-z])(?:percent(?:age)?|pct)(?![A-Za-z])", "%"),
        (r"\^\s*\{?\s*\\prime\s*\}?", "'"),
        (r"(?<![A-Za-z\\])(?:infinity|infty|inf)(?![A-Za-z])", r"\\infty "),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<![A-Za-z\\])sqrt(?=\s*[({])", r"\\sqrt"),
        (rf"(?<![A-Za-z\\])({_FUNCTIONS})(?=\s*[({{])", r"\\\1"),
        (r"\+\s*\\infty", r"\\infty"),
        (r"(?<=[0-9A-Za-z)}])\*\*(?=[0-9A-Za-z({-])", "^"),
        (r"\*\*|__|`", " "),
        (r"\(\s*\\approx[^()]*\)\s*$", ""),
    )
)  # fmt: skip
_JOIN = re.compile(
    r"\s*(?:,\s*)?(?:(?<![A-Za-z\\])(?:and|or)(?![a-z])|\\(?:lor|land|vee|wedge)(?![A-Za-z])|[和或])\s*", re.IGNORECASE
)
_WRAPS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"), ('"', '"'), ("“", "”"))
_PLAIN_NUMBER = re.compile("[-+]?[0-9]+(?:[.,][0-9]+)*")
_SPACES = re.compile(r"(?<![0-9])\s+|\s+(?![0-9])")
_ALIGNED = re.compile(
    r"\\begin\{(align|aligned|alignat|gather|gathered|split|eqnarray|cases)\}(.*?)\\end\{\1\}", re.DOTALL
)
_REPEATING = re.compile(r"([0-9]*)\.([0-9]*)\\overline\s*(?:\{([0-9]+)\}|([0-9]))")


@lru_cache(maxsize=REMEMBERED)
def normal(text: str) -> str:
    r"""The normal form.

    >>> normal(r"$\left( \dfrac12,\, 3 \right).$")
    '(\\frac{1}{2},3)'
    """
    if _PLAIN_NUMBER.fullmatch(text):
        return text
    text = unwrapped(_plain_characters(text))
    if r"\begin" in text:
        text = re.sub(r"\\\\(?:\[[^\[\]]*\])?", f" {ROW} ", text.replace("*}", "}"))
        text = _ALIGNED.sub(_lines, text)
    else:  # a backslash that was escaped once too often
        text = re.sub(r"\\\\(?=[A-Za-z({\[)}\]%$,;!])", r"\\", text)
    text = re.sub(r"\\(?:boxed|fbox)(?:\s*\{((?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*)\}|\s+)", _inner, text)
    words: list[str] = []
    text = _take_out(text, words)
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    text = _REPEATING.sub(_as_fraction, text)
    text = _JOIN.sub(" ; ", text) if not _is_prose(text) else text
    text = _arguments(text)
    text = re.sub(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])", r"\1\0", text)
    text = re.sub(r"(?<=[0-9]),\s+(?=[0-9]{3}(?![0-9]))", ",\0", text)  # 32, 349 is no thousands
    text = _SPACES.sub("", text).replace("\0", " ")
    text = _turned_brackets(text.strip().lstrip(",;:").rstrip(".,;:").strip())
    return _put_back(text, words)


def _plain_characters(text: str) -> str:
    """Without the characters of Unicode that have a plain spelling: full-width ones, powers, fractions."""
    if text.isascii():
        return text
    text = re.sub(
        f"[{_SUPER}]+", lambda run: "^{" + unicodedata.normalize("NFKC", run[0]).replace("−", "-") + "}", text
    )
    text = re.sub(f"[{_SUB}]+", lambda run: "_{" + unicodedata.normalize("NFKC", run[0]) + "}", text)
    return unicodedata.normalize("NFKC", text.translate(_UNICODE))


def _turned_brackets(text: str) -> str:
    """]2,5[ as (2,5): an open end may be written with a bracket that is turned round."""
    match = re.fullmatch(r"([\[\]])([^\[\]()]+,[^\[\]()]+)([\[\]])", text)
    if match is None:
        return text
    return ("[" if match[1] == "[" else "(") + match[2] + ("]" if match[3] == "]" else ")")


def _inner(match: re.Match[str]) -> str:
    return f" {match[1] or ''} "


def _lines(match: re.Match[str]) -> str:
    """The lines of an aligned environment as a list; `cases` with conditions stay what they are."""
    if match[1] == "cases" and "&" in match[2]:
        return f"\\begin{{matrix}}{match[2]}\\end{{matrix}}"
    return " ; ".join(line.replace("&", "") for line in match[2].split(ROW) if line.strip())


def _as_fraction(match: re.Match[str]) -> str:
    """A repeating decimal: 0.1\\overline{6} is 15/90."""
    whole, fixed, repeated = match[1], match[2], match[3] or match[4]
    below = (10 ** len(repeated) - 1) * 10 ** len(fixed)
    above = int(whole + fixed + repeated) - int((whole + fixed) or "0")
    return f"\\frac{{{above}}}{{{below}}}" if len(whole + fixed + repeated) < 40 else match[0]


def _take_out(text: str, words: list[str]) -> str:
    """`text` with each span of words replaced by a private character, or by what it says in symbols."""
    for pattern, word in _MONEY:
        text = re.sub(pattern, lambda _, word=word: _kept(word, words), text)  # type: ignore[misc]
    while (found := _WORD_COMMAND.search(text)) is not None:
        end = closing(text, found.end())
        if end is None:
            return text[: found.start()] + text[found.end() :]
        content = text[found.end() + 1 : end]
        is_symbol = found[0].startswith((r"\mathrm", r"\operatorname", r"\mathsf"))
        text = f"{text[: found.start()]} {_said(content, is_symbol, words)} {text[end + 1 :]}"
    return text


def _said(content: str, is_symbol: bool, words: list[str]) -> str:
    """What a span of words comes to: a separator, a number, a symbol, or words that are kept."""
    word = " ".join(re.sub(r"\\[,;:! ]|~", " ", content).replace("{", "").replace("}", "").split()).strip(" .;:")
    bare = word.strip(", ")
    if not bare:
        return " ; " if "," in word else " "
    if re.fullmatch("and|or|和|或", bare, re.IGNORECASE):
        return " ; "
    pieces = re.split(r",?\s*\b(?:and|or)\b\s*|\s*,\s*", bare) if len(bare) <= 60 else [bare]
    if len(pieces) > 1 and all(len(piece.split()) <= 4 for piece in pieces):
        return " ; ".join(_said(piece, is_symbol, words) for piece in pieces)
    if re.fullmatch(r"\\?%|percent(?:age)?|pct", bare):
        return "%"
    if bare.lower() in NUMBERS:
        return str(NUMBERS.index(bare.lower()))
    if re.fullmatch(r"[-+]?[0-9.,/:%\s]+", bare):
        return bare
    if re.fullmatch(rf"{_FUNCTIONS}|gcd|lcm|max|min|det", bare):
        return f"\\{bare} "
    if is_symbol and re.fullmatch(r"[A-Za-z]", bare):
        return bare
    counted = re.fullmatch(r"([-+]?[0-9][0-9.,/]*)\s*([A-Za-z].*)", bare)
    if counted:
        return counted[1] + _kept(counted[2], words)
    return _kept(choice_of(bare) or bare, words)


def _kept(word: str, words: list[str]) -> str:
    words.append(word)
    return chr(_TAKEN + len(words) - 1) if len(words) < 1000 else " "


def _put_back(text: str, words: list[str]) -> str:
    for number, word in enumerate(words[:1000]):
        text = text.replace(chr(_TAKEN + number), f"‹{word}›")
    text = re.sub(r"\^\{?‹(?:st|nd|rd|th)›\}?", "", text)
    text = re.sub(r"_\{?‹([A-Za-z]+)›\}?", r"_{\1}", text)  # the name of an index
    return re.sub(r"\\frac\{‹([^‹›]*)›\}\{‹([^‹›]*)›\}", r"‹\1/\2›", text)


def unwrapped(text: str) -> str:
    """`text` without delimiters of mathematics or emphasis around the whole of it, and without a final full stop."""
    text = text.strip()
    while True:
        text = text.rstrip(" .,;:\n\t")
        for opening, closing in _WRAPS:
            inner = text[len(opening) : len(text) - len(closing)]
            if (
                len(text) > len(opening) + len(closing)
                and text.startswith(opening)
                and text.endswith(closing)
                and not text.endswith("\\" + closing)
                and opening not in inner
                and closing not in inner
            ):
                text = inner.strip()
                break
        else:
            return text


def _is_prose(text: str) -> bool:
    """True for a sentence, in which 'and' joins words and not answers."""
    return len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\\[A-Za-z]+", "", text))) > 3


_ARGUMENT = re.compile(r"\s*([0-9A-Za-z]|\\[A-Za-z]+(?![A-Za-z{\[]))")


def _arguments(text: str) -> str:
    r"""Braces round what \frac and \sqrt are applied to: '\frac\pi2' as '\frac{\pi}{2}', '\sqrt(2)' as '\sqrt{2}'."""
    for found in reversed(list(re.finditer(r"\\(frac|sqrt)(?![A-Za-z])(?:\[[^\[\]]*\])?", text))):
        place = found.end()
        for _ in range(2 if found[1] == "frac" else 1):
            start = re.compile(r"\s*").match(text, place).end()  # type: ignore[union-attr]
            end = closing(text, start) if text[start : start + 1] in ("{", "(") else None
            one = _ARGUMENT.match(text, place)
            if end is not None and (text[start] == "{" or found[1] == "sqrt"):
                text = f"{text[:place]}{{{text[start + 1 : end]}}}{text[end + 1 :]}"
                place = place + end + 1 - start
            elif one is not None:
                text = f"{text[:place]}{{{one[1]}}}{text[one.end() :]}"
                place = place + len(one[1]) + 2
    return text


def closing(text: str, start: int) -> int | None:
    """Where the bracket that opens at `start` is closed by one of its kind; None where it is not."""
    opens, closes = text[start], {"(": ")", "{": "}", "[": "]"}[text[start]]
    depth = 0
    for place in range(start, len(text)):
        if text[place] == opens:
            depth += 1
        elif text[place] == closes:
            depth -= 1
            if depth == 0:
                return place
    return None
