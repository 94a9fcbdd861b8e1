"""The normal form of a mathematical answer, plain or LaTeX: what does not change the meaning is gone.

Words that stood in `\\text{}` are kept between ‹ and ›, so that `\\text{ cm}` is never read as c times m; the end of a
row of a matrix is ROW.
"""

import re

LONGEST = 2000
"""Characters of an answer that are read; a longer one is not an answer."""

ROW = "⏎"

_UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "≤": r"\le ", "≥": r"\ge ",
        "≠": r"\ne ", "≈": r"\approx ", "∞": r"\infty ", "π": r"\pi ", "√": r"\sqrt ", "°": r"^\circ ", "∪": r"\cup ",
        "∩": r"\cap ", "∈": r"\in ", "±": r"\pm ", "²": "^2", "³": "^3", "′": "'", "‹": "", "›": "", ROW: "",
        "\u00a0": " ", "\u2009": " ", "\u202f": " ", "∅": r"\emptyset ", "→": r"\to ",
    }
)  # fmt: skip
_FUNCTIONS = "arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|ln|log|exp"
_WORD_COMMANDS = r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|mbox|hbox|mathrm|mathsf|operatorname\*?)"

_STEPS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\[$]|\\(?:pounds|euro|yen|mathsterling)(?![A-Za-z])|[€£¥₹]", ""),
        (r"(?<!\\)[$]|\\[()\[\]]", " "),
        (r"(?<=[0-9])\s*(?:,\s*\\!|\{\s*,\s*\})\s*(?=[0-9]{3})", ""),
        (r",\s*\\!\s*|\{\s*,\s*\}\s*", ","),
        (r"\\!", ""),
        (r"\\(?:left|right|[bB]igg?[lrm]?)\s*(?=[^A-Za-z\s]|\\)", ""),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|rm|bf|it)(?![A-Za-z])", ""),
        (r"(?<=[0-9(\[{<>|)\]}.,])\.(?=\s*$)", ""),
        (r"\\(?:hspace|vspace|phantom|hphantom|label|tag)\s*\{[^{}]*\}", " "),
        (r"(?<![A-Za-z\\])(?:np|math|sp|sympy)\.(?=[a-z])", ""),
        (r"\\q?quad|\\[,;: ]|\\(?:thinspace|medspace|thickspace|nobreak)(?![A-Za-z])|~", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\\(?:leq|leqslant)(?![A-Za-z])|<=|=<", r"\\le "),
        (r"\\(?:geq|geqslant)(?![A-Za-z])|>=", r"\\ge "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\neq(?![A-Za-z])|!=|\\not\s*=", r"\\ne "),
        (r"\\(?:simeq|approxeq|thickapprox|doteq)(?![A-Za-z])", r"\\approx "),
        (r"\\(?:cdot|times|ast)(?![A-Za-z])", "*"),
        (r"\\div(?![A-Za-z])", "/"),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\(?:lbrack)(?![A-Za-z])", "["),
        (r"\\(?:rbrack)(?![A-Za-z])", "]"),
        (r"\\(?:l|r)?vert(?![A-Za-z])", "|"),
        (r"\\(?:varnothing)(?![A-Za-z])|\\\{\s*\\\}", r"\\emptyset "),
        (r"\\(?:mathbf|mathit|mathbb|mathcal|boldsymbol|bm|vec|pmb)\s*\{([^{}]*)\}", r"\1"),
        (r"\\mathrm\s*([A-Za-z])(?![A-Za-z])", r"\1"),
        (r"\\(?:mathrm|operatorname)\s*\{\s*([ei])\s*\}", r"\1"),
        (rf"\\(?:mathrm|operatorname)\s*\{{\s*({_FUNCTIONS}|gcd|lcm|max|min|det)\s*\}}", r"\\\1 "),
        (r"\^\s*\{?\s*(?:\\circ|\\degree)\s*\}?|\\degree(?![A-Za-z])|\bdegrees?\b", "°"),
        (r"\\(?:text|mathrm|mbox)\s*\{\s*(?:\\?%|percent|pct)\s*\}", "%"),
        (r"\\%|(?<![A-Za-z])(?:percent(?:age)?|pct)(?![A-Za-z])", "%"),
        (r"(?<![A-Za-z\\])(?:infinity|infty|inf)(?![A-Za-z])", r"\\infty "),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<![A-Za-z\\])sqrt(?=\s*[({])", r"\\sqrt"),
        (rf"(?<![A-Za-z\\])({_FUNCTIONS})(?=\s*[({{])", r"\\\1"),
        (r"\+\s*\\infty", r"\\infty"),
        (r"\*\*", "^"),
    )
)  # fmt: skip
_WORDS = re.compile(_WORD_COMMANDS + r"\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_JOIN = re.compile(
    r"\s*(?:,\s*)?(?<![A-Za-z\\])(?:and|or)(?![a-z])\s*|\s*(?:,\s*)?\\(?:lor|land|vee|wedge)(?![A-Za-z])\s*",
    re.IGNORECASE,
)
_WRAPS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("`", "`"), ('"', '"'), ("“", "”"))
_SPACES = re.compile(r"(?<![0-9])\s+|\s+(?![0-9])")


def normal(text: str) -> str:
    r"""The normal form.

    >>> normal(r"$\left( \dfrac12,\, 3 \right).$")
    '(\\frac{1}{2},3)'
    """
    text = unwrapped(text.translate(_UNICODE))
    if r"\begin" in text:
        text = re.sub(r"\\\\(?:\[[^\[\]]*\])?", f" {ROW} ", text)
    else:  # a backslash that was escaped once too often
        text = re.sub(r"\\\\(?=[A-Za-z({\[)}\]%$,;!])", r"\\", text)
    text = re.sub(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*)\}", r" \1 ", text)
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    text = _WORDS.sub(_kept_word, text)
    text = _JOIN.sub(" ; ", text) if not _is_prose(text) else text
    text = _arguments(text)
    text = re.sub(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])", r"\1\0", text)
    text = re.sub(r"(?<=[0-9]),\s+(?=[0-9]{3}(?![0-9]))", ",\0", text)  # 32, 349 is no thousands
    text = _SPACES.sub("", text).replace("\0", " ")
    return text.strip().lstrip(",;:").rstrip(".,;:").strip()


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


def _kept_word(match: re.Match[str]) -> str:
    word = " ".join(match[1].replace("‹", "").replace("›", "").split())
    if re.fullmatch(r"(?:,\s*)?(?:and|or)(?:\s*,)?", word, re.IGNORECASE) or word in (",", ";"):
        return " ; "
    if re.search(r"\b(?:and|or)\b", word) and re.search("for|part|when|if", word):
        return " ; "  # as in '(a) 3 for part (a) and 5 for part (b)'
    if re.fullmatch(r"[-+0-9.,/%\s]+", word):
        return f" {word} "
    return f"‹{word.strip(' .,;:()')}›" if word.strip(" .,;:()") else " "


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
