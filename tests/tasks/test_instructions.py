"""IFEval's 25 instructions: two responses at least that follow each, two that miss it, and what cannot be judged."""

import sys
import time
from typing import Any

import pytest

from assay.registry import resolve
from assay.tasks.instructions import INSTRUCTIONS
from assay.tasks.instructions.cases import cases
from assay.tasks.instructions.follow import instructions, loose_variants
from assay.tasks.instructions.sentences import split_sentences
from assay.types import Score, Verdict

LETTER = "dear sir. i am writing to ask about my order because it has not arrived yet."

# (id, arguments, responses that follow, responses that miss)
TABLE: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("keywords:existence", {"keywords": ["C++", "cat"]}, ["My Cat likes c++.", "c++ concatenates"], ["C, cat", "C++"]),
    (
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "at least"},
        ["War, war.", "warm war"],
        ["war", "peace"],
    ),
    (
        "keywords:frequency",
        {"keyword": "a.b", "frequency": 1, "relation": "less than"},
        ["acb", "none"],
        ["a.b", "A.B a.b"],
    ),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["rock", "C++"]},
        ["rocks", "C+ and shamrock"],
        ["ROCK!", "I know C++."],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "at least"},
        ["#a #b", "###"],
        ["#a", "a b"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "T", "let_frequency": 2, "let_relation": "less than"},
        ["ten", "one"],
        ["Tt", "to the"],
    ),
    (
        "language:response_language",
        {"language": "de"},
        ["Alle Menschen sind frei und gleich an Würde geboren.", "ICH HABE KEINE ZEIT UND MÖCHTE NACH HAUSE GEHEN."],
        ["All human beings are born free and equal.", "Alle mensen worden vrij en gelijk geboren.", "12345 !"],
    ),
    ("language:response_language", {"language": "kn"}, ["ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಹುಟ್ಟಿದ್ದಾರೆ."], ["Namaskara, hegiddira?"]),
    (
        "language:response_language",
        {"language": "ne"},
        ["सबै व्यक्तिहरू जन्मजात स्वतन्त्र हुन् र तिनीहरूको समान अधिकार छ।"],
        ["सभी मनुष्यों को अधिकारों में समानता प्राप्त है।"],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "at least"},
        ["One. Two! Three", "Is it? It is. So."],
        ["One. Two.", "Dr. A. B. Who came at 5 p.m. on Friday.", "1. One\n2. Two\n3. Three", ". . . . ."],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "less than"},
        ["Mr. Lee has 3.5 kg...", "no full stop\n\nat all"],
        ["One. Two.", "one. two."],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["A\n***\nB", "***\nA\n***\nB\n***"],
        ["A\n\nB", "A\n***\n***\nB", "A\n***\nB\n***\nC"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": "at least"},
        ["one two three", "don't go"],
        ["one two", "- - - - -"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": "less than"},
        ["one two", "well-known"],
        ["one two three", "it isn't"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Summary"},
        ["A\n\nsummary: b", 'A\n\n\n\n"Summary" is b'],
        ["Summary\n\nA", "A\n\nSummaries", "A\n\nSummary\n\nB", "A\nSummary"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "i'm"},
        ["I'm fine.", "i'm, well"],
        ["I am fine.", "I'mm"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 2, "first_word": "a"},
        [],
        ["a", "a\n\na"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[name] [street]", "[a][b] and [c]"],
        ["[name]", "[] [ ] [name]", "[na\nme] ["],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Hi.\n\nP.S. More", "Hi. p. s. more"],
        ["Hi. PS more", "The app.s. more", "Hi"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Hi.\nP.P.S more", "P. P. S. more"],
        ["P.S. more", "PPS more"],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n* b", "Two:\n  - a\n---\n- b\n* * *\n*so* it is"],
        ["* a", "* a\n* b\n- c", "1. a\n2. b", "---\n***\n", "**a**\n**b**"],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "Well: My answer is maybe. Sorry."],
        ["Yes.", "my answer is no.", "My answer is yes. My answer is no."],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a* and **b c**", "* *a*\n* ***b***"],
        ["*a* b", "***a***", "* one\n* two", "2 * 3 * 4 * 5", "** ** ****", "* **a**"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        ["Section 1\na\nSection 2\nb", "Section1 Section2 Section 3"],
        ["Section 1\na", "SECTION 1 SECTION 2", "Section A, Section B"],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"a": [1, 2.5]}', '```json\n{"a": null}\n```', "```\n[]\n```"],
        ["{'a': 1}", 'Here: {"a": 1}', '{"a": NaN}', '{"a": 1'],
    ),
    (
        "detectable_format:title",
        {},
        ["<<A poem>>\nRoses", "So: <<x>>"],
        ["<A poem>", "<<>> <<  >>", "<<a\nb>>", ">>a<<"],
    ),
    (
        "combination:two_responses",
        {},
        ["A\n******\nB", "******A******B******"],
        ["A", "A ****** A", "A ****** B ****** C", "A ************ B"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Write a haiku."},
        ["Write a haiku.\n\nOld pond", " write a HAIKU. ok"],
        ["Old pond", "Sure! Write a haiku."],
    ),
    (
        "startend:end_checker",
        {"end_phrase": "Is that all?"},
        ["Yes. Is that all?", '"So. is that ALL?"\n'],
        ["Is that all? Yes.", "Is that all", "So."],
    ),
    (
        "startend:end_checker",
        {"end_phrase": 'He said "no"'},
        ['So he said "no"', 'Then: he said "no'],
        ["He said no", "no"],
    ),
    ("startend:quotation", {}, ['"All of it."', ' "a" and "b"\n'], ['"All of it.', "“All of it.”", '"']),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["NATO and WELL-KNOWN", "IT'S A", "I'm in NATO's plan"],
        ["IT'S", "NATO's plan", "Word Word"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["So I'm here.", "**BIG** word"],
        ["I am A", "U.S. and U.K."],
    ),
    (
        "change_case:english_capital",
        {},
        [LETTER.upper(), "THE LAW IS THE LAW, BUT BAD LAWS MUST CHANGE!"],
        [LETTER, "ALLE MENSCHEN SIND FREI UND GLEICH GEBOREN.", "12345"],
    ),
    (
        "change_case:english_lowercase",
        {},
        [LETTER, "go and vote, my friend, because it matters to all of us."],
        [LETTER.upper(), "Go and vote.", "todos los seres humanos nacen libres e iguales."],
    ),
    ("punctuation:no_comma", {}, ["No comma; none.", "a.b"], ["One, two", ","]),
]

FOLLOW = [(name, arguments, text) for name, arguments, texts, _ in TABLE for text in texts]
MISS = [(name, arguments, text) for name, arguments, _, texts in TABLE for text in texts]


def judge(name: str, arguments: dict[str, Any], response: str, **options: Any) -> Score:
    return instructions(response, [{"id": name, "kwargs": arguments}], **options)


def test_the_table_has_two_of_each_for_every_instruction() -> None:
    assert len(INSTRUCTIONS) == 25
    for name in INSTRUCTIONS:
        for cases_of in (FOLLOW, MISS):
            assert sum(each == name for each, *_ in cases_of) >= 2, name


@pytest.mark.parametrize(("name", "arguments", "response"), FOLLOW)
def test_followed(name: str, arguments: dict[str, Any], response: str) -> None:
    score = judge(name, arguments, response)
    assert (score.verdict, score.steps, score.reason) == (Verdict.RIGHT, (1.0,), None)


@pytest.mark.parametrize(("name", "arguments", "response"), MISS)
def test_not_followed(name: str, arguments: dict[str, Any], response: str) -> None:
    score = judge(name, arguments, response)
    assert (score.verdict, score.steps, score.reason) == (Verdict.WRONG, (0.0,), f"not followed: {name}")


@pytest.mark.parametrize("read", ["strict", "loose"])
@pytest.mark.parametrize(("name", "arguments"), [(name, arguments) for name, arguments, *_ in TABLE])
def test_cases_made_by_rule_are_judged_as_they_say(name: str, arguments: dict[str, Any], read: str) -> None:
    gold = [{"id": name, "kwargs": arguments}]
    made = list(cases(gold))
    assert made[0] == ("", Verdict.WRONG, "empty response")
    assert len(made) > 1
    for response, verdict, why in made:
        assert instructions(response, gold, read=read).verdict is verdict, (why, response)


def test_a_response_is_right_where_all_are_followed() -> None:
    """In IFEval's columns; null arguments are absent and 2.0 is 2."""
    gold = {
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
        "kwargs": [{"num_words": None, "relation": None}, {"num_words": 2.0, "relation": "at least", "letter": None}],
    }
    assert instructions("one two", gold).steps == (1.0, 1.0)
    one_missed = instructions("one, two", gold)
    assert (one_missed.verdict, one_missed.value, one_missed.steps) == (Verdict.WRONG, 0.0, (0.0, 1.0))
    assert one_missed.reason == "not followed: punctuation:no_comma"
    both = instructions(",", gold)
    assert both.reason == "not followed: punctuation:no_comma, length_constraints:number_words"


@pytest.mark.parametrize("response", ["", " \n", "<think> no end", "<think>one</think>\n"])
def test_an_empty_response_follows_nothing(response: str) -> None:
    score = judge("punctuation:no_comma", {}, response)
    assert (score.verdict, score.reason, score.steps) == (Verdict.WRONG, "empty response", (0.0,))


def test_thinking_is_not_judged() -> None:
    assert judge("punctuation:no_comma", {}, "<think>well, well</think> No comma.").correct
    assert judge("startend:quotation", {}, '<think>hm</think>\n"So."').correct


def test_a_very_long_response_is_wrong() -> None:
    assert judge("punctuation:no_comma", {}, "a" * 99_999).correct
    assert judge("punctuation:no_comma", {}, "," + "a" * 100_000).reason == "a response of 100,000 or more characters"


def test_the_eight_loose_variants() -> None:
    assert loose_variants("*a*\nb\n*c") == ["*a*\nb\n*c", "b\n*c", "*a*\nb", "b", "a\nb\nc", "b\nc", "a\nb", "b"]


@pytest.mark.parametrize(
    ("name", "arguments", "response"),
    [
        ("detectable_format:json_format", {}, "Sure, here it is:\n{}"),
        ("startend:end_checker", {"end_phrase": "Bye."}, "Bye.\nAnything else?"),
        ("combination:repeat_prompt", {"prompt_to_repeat": "Say no."}, "Of course!\nSay no. No.\nBye."),
        ("startend:quotation", {}, '**"Yes."**'),
        ("punctuation:no_comma", {}, "Sure, here:\nNone.\nGood, good."),
    ],
)
def test_loose_forgives_a_frame(name: str, arguments: dict[str, Any], response: str) -> None:
    assert judge(name, arguments, response).verdict is Verdict.WRONG
    assert judge(name, arguments, response, read="loose").verdict is Verdict.RIGHT


def test_loose_does_not_take_an_empty_rest() -> None:
    assert judge("punctuation:no_comma", {}, "a, b", read="loose").verdict is Verdict.WRONG
    assert judge("punctuation:no_comma", {}, "a, b\nc, d", read="loose").verdict is Verdict.WRONG


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        ([], "it has no instruction"),
        ("punctuation:no_comma", "expected a list of instructions"),
        (None, "expected a list of instructions"),
        ([{"id": "punctuation:no_commas", "kwargs": {}}], "did you mean 'punctuation:no_comma'?"),
        ([{"id": 3}], "expected an instruction's id and its arguments"),
        ([{"id": "punctuation:no_comma", "kwargs": [1]}], "expected an instruction's id and its arguments"),
        ([{"id": "punctuation:no_comma", "kwargs": {"commas": 1}}], "unknown key 'commas'"),
        ([{"id": "length_constraints:number_words", "kwargs": {"relation": "at least"}}], "'num_words' is missing"),
        ([{"id": "startend:end_checker", "kwargs": {"end_phrase": " "}}], "'end_phrase'"),
        ([{"id": "keywords:existence", "kwargs": {"keywords": []}}], "'keywords'"),
        (
            [
                {
                    "id": "keywords:letter_frequency",
                    "kwargs": {"letter": "ab", "let_frequency": 1, "let_relation": "at least"},
                }
            ],
            "'letter'",
        ),
        ([{"id": "detectable_format:number_bullet_lists", "kwargs": {"num_bullets": -1}}], "'num_bullets'"),
        (
            [{"id": "length_constraints:number_words", "kwargs": {"num_words": 1, "relation": "at most"}}],
            "'less than' or 'at least'",
        ),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "one of each an instruction"),
    ],
)
def test_a_gold_that_cannot_be_read_is_unknown(gold: Any, said: str) -> None:
    score = instructions("text", gold)
    assert score.verdict is Verdict.UNKNOWN
    assert said in str(score.reason)
    assert [verdict for _, verdict, _ in cases(gold)] == [Verdict.WRONG]


def test_without_the_package_a_language_is_unknown_and_never_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid", None)
    english = {"id": "change_case:english_lowercase", "kwargs": {}}
    score = instructions(LETTER, [english])
    assert (score.verdict, score.steps) == (Verdict.UNKNOWN, (None,))
    assert "pip install py3langid" in str(score.reason)
    # What needs no package is judged all the same.
    assert instructions("Dear Sir", [english]).verdict is Verdict.WRONG
    assert instructions(LETTER, [english, {"id": "startend:quotation"}]).steps == (None, 0.0)
    assert instructions(LETTER, [english, {"id": "startend:quotation"}]).verdict is Verdict.WRONG
    assert instructions(LETTER, [english, {"id": "punctuation:no_comma"}]).steps == (None, 1.0)
    assert instructions(LETTER, [english, {"id": "punctuation:no_comma"}]).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Who left at 5 p.m. on Friday. Why? Nobody knows", 3),
        ("He left at 5 p.m. She stayed.", 2),
        ('He said "no." Then he left.', 2),
        ("Wait... what? Really?! Yes.", 3),
        ("He has apples, pears, etc. and more. See e.g. Fig. 3.", 2),
        ("So do I. You too.", 2),
        ("1. Do this\n2. Do that.", 1),
        ("In 2020. Then in 2021.", 2),
        ("今日は。元気です！はい", 3),
        ("यह सच है। वह भी।", 2),
        ("# Title\n\nText without end", 1),
        ("!!! ... ---", 0),
        ("", 0),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count


UNITS = [
    "*",
    "a",
    "\n",
    " ",
    "[",
    "<",
    "<<",
    "* ",
    "*a",
    "- ",
    "p.",
    ". ",
    ".",
    '"',
    "***\n",
    "#",
    "Section",
    "{",
    "[{",
]
UNITS += ["\ud800", "A'", "-a", "।", "1.\n", "**a*"]
HOSTILE = [unit * (50_000 // len(unit)) for unit in UNITS]
HOSTILE += ["." * 99_000 + "x", "*" * 50_000 + "x", "a \ud800 b"]


def test_hostile_texts_are_judged_quickly() -> None:
    """Texts of 50,000 characters and more, eight variants each, by all 25 instructions; measured 1.5 s on one core."""
    gold = [{"id": name, "kwargs": arguments} for name, arguments, *_ in {row[0]: row for row in TABLE}.values()]
    assert len(gold) == 25
    instructions("warm up the detector of languages", gold)
    for text in HOSTILE:
        start = time.perf_counter()
        score = instructions(text, gold, read="loose")  # its first variant is the strict reading
        assert score.verdict is Verdict.WRONG
        assert time.perf_counter() - start < 3, repr(text[:10])


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_says_what_it_asks(name: str) -> None:
    assert resolve(INSTRUCTIONS[name]).__doc__
