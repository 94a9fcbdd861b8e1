"""The task reasoning_gym: what is refused and why, what is posed, and how it is scored."""

import json
import os
import pickle
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError, RecipeError
from assay.grading.workers import Workers
from assay.tasks import make_task, parse_spec, reasoning_gym, verify_all
from assay.tasks.reasoning_gym_score import score
from assay.tasks.reasoning_gym_sets import ALLOWED, DENIED, IN_ADVANCE, JUDGED, SEVERAL_ANSWERS
from assay.types import Verdict

ROOT = Path(__file__).parents[2]
SUMS = "reasoning_gym:dataset=chain_sum"

TRAPS = [
    ("coin_flip", lambda gold: gold[:1]),
    ("complex_arithmetic", lambda gold: "nan"),
    ("cryptarithm", lambda gold: f"{gold.split(',')[-1].split('=')[0]}=0,{gold}"),
    ("decimal_arithmetic", lambda gold: gold[:-1] + str((int(gold[-1]) + 1) % 10 or 2)),
    ('fraction_simplification:styles=["latex_frac"]', lambda gold: f"{gold} or 7"),
    ('figlet_font:static_word="abracadabra"', lambda gold: f"{gold} banana"),
    ("game_of_life", lambda gold: f"{gold[:-1]}, [7]]"),
    ("game_of_life_halting", lambda gold: "I do not know"),
    ("knights_knaves", lambda gold: f"{gold} Or not."),
    ("letter_jumble", lambda gold: f"{gold} banana"),
    ("kakurasu", lambda gold: f"{gold} or 7"),
    ("number_sorting", lambda gold: gold.replace(".", ".0", 1)),
    ("polynomial_equations", lambda gold: f"{gold}, banana"),
    ("pool_matrix", lambda gold: f"{gold} # or 7"),
    ("quantum_lock", lambda gold: f"It is {gold} or 7"),
    ("sokoban", lambda gold: f"It is {gold} or 7"),
    ("survo", lambda gold: f"{gold} or not"),
    ("word_sorting", lambda gold: f"{gold}, banana"),
]
"""Data sets, and what their scorers wrongly take."""


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym.factory", None)
    with pytest.raises(RecipeError, match=r"needs the package reasoning-gym \(.*\); pip install") as caught:
        make_task("reasoning_gym:dataset=chain_sum")
    assert "PYTHONPATH" not in str(caught.value)


@pytest.fixture
def registered() -> Any:
    factory = pytest.importorskip("reasoning_gym.factory", reason="needs the package reasoning-gym")
    return factory.DATASETS


def refused(spec: str) -> str:
    with pytest.raises(RecipeError) as error:
        make_task(spec)
    return str(error.value)


def test_every_data_set_is_judged(registered: Any) -> None:
    """Another version may bring other data sets and other scorers: `reasoning_gym_sets` says how to judge it."""
    assert version("reasoning-gym") == JUDGED
    assert len(set(ALLOWED)) + len(DENIED) == len({*ALLOWED, *DENIED}) == len(ALLOWED) + len(DENIED)
    assert {*ALLOWED, *DENIED} == set(registered)
    assert {*IN_ADVANCE, *SEVERAL_ANSWERS} <= set(ALLOWED)


def test_the_documents_give_both_lists() -> None:
    text = (ROOT / "docs" / "tasks.md").read_text("utf-8")
    table = text.partition("| refused | why |")[2].partition("No guess floor")[0]
    rows = dict(re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|$", table, re.MULTILINE))
    assert {name: why for names, why in rows.items() for name in re.findall("`(\\w+)`", names)} == DENIED
    posed = text.partition("data sets of version ")[2].partition("For each")[0]
    assert re.findall("`(\\w+)`", posed) == list(ALLOWED)


@pytest.mark.parametrize("dataset", DENIED)
def test_what_cannot_be_trusted_is_refused_with_the_reason(dataset: str, registered: Any) -> None:
    sentence = refused(f"reasoning_gym:dataset={dataset}")
    assert sentence.startswith(f"task reasoning_gym: data set '{dataset}' is refused, for {DENIED[dataset]}; ")
    assert "for example chain_sum" in sentence


@pytest.mark.parametrize(("spec", "spoil"), TRAPS, ids=[spec for spec, _ in TRAPS])
def test_the_traps_are_there(spec: str, spoil: Any, registered: Any) -> None:
    """Where the package has mended its scorer this fails, and the data set can be judged again."""
    name, _, option = spec.partition(":")
    key, _, value = option.partition("=")
    kind, config = registered[name]
    made = kind(config(seed=3, size=5, **({key: json.loads(value)} if key else {})))
    entries = [made[index] for index in range(5)]
    spoilt = [(spoil(entry["answer"]), entry) for entry in entries]
    assert 1.0 in [made.score_answer(text, entry) for text, entry in spoilt if text != entry["answer"]]


@pytest.mark.parametrize("dataset", sorted(name for name, why in DENIED.items() if why.endswith("have no answer")))
def test_problems_without_an_answer(dataset: str, registered: Any) -> None:
    kind, config = registered[dataset]
    assert kind(config(seed=3, size=1))[0]["answer"] is None


@pytest.mark.parametrize("dataset", ["chain_sum", "maze", "prime_factorization", "sudoku", "acre", "tower_of_hanoi"])
def test_golds_are_right_and_others_wrong(dataset: str, registered: Any) -> None:
    failing(f"reasoning_gym:dataset={dataset}")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # arc_agi leaves its file open
@pytest.mark.parametrize("dataset", ALLOWED)
def test_golds_are_right_and_others_wrong_everywhere(dataset: str, registered: Any) -> None:
    failing(f"reasoning_gym:dataset={dataset}:prompt=plain")


def failing(spec: str) -> None:
    task = make_task(spec)
    checks = task.checks()
    assert {check.verdict for check in checks} == {Verdict.RIGHT, Verdict.WRONG}
    scores = verify_all(task, [(check.prompt, check.response) for check in checks])
    bad = [(c.why, c.response, s) for c, s in zip(checks, scores, strict=True) if s.verdict is not c.verdict]
    assert bad == []


@pytest.mark.slow
def test_problems_are_the_same_in_every_process(registered: Any) -> None:
    """Python's hashes of text differ from process to process, and some data sets draw from sets."""
    code = (
        "from assay.tasks import make_task\nfrom assay.tasks.reasoning_gym_sets import ALLOWED\n"
        "for name in ALLOWED:\n"
        "    for p in make_task(f'reasoning_gym:dataset={name}').prompts('train', 4):\n"
        "        print(ascii((p.problem, p.gold, p.messages, p.columns)))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.splitlines()
        for seed in ("1", "2")
    ]
    assert len(found[0]) == 4 * len(ALLOWED)
    assert [pair for pair in zip(*found, strict=True) if pair[0] != pair[1]] == []


def test_a_problem_is_that_of_the_package(registered: Any) -> None:
    """Problem INDEX is the first of the data set with seed INDEX: anybody can make it again."""
    for dataset in ("chain_sum", "acre", "caesar_cipher"):
        (prompt,) = make_task(f"reasoning_gym:dataset={dataset}:prompt=plain").prompts("train", 1)
        name, index, _ = prompt.problem.split("/")
        kind, config = registered[dataset]
        entry = kind(config(seed=int(index), size=1))[0]
        assert (name, prompt.text, prompt.gold) == (dataset, entry["question"], entry["answer"])


def test_the_identity_holds_the_question(registered: Any) -> None:
    """The same index under other options is another problem, and is not taken for this one."""
    (prompt,) = make_task(f"{SUMS}:max_terms=3").prompts("test", 1)
    assert make_task(f"{SUMS}:max_terms=3:prompt=boxed").prompt_of(prompt.problem).gold == prompt.gold
    with pytest.raises(DataError, match="were other options, or another version"):
        make_task(f"{SUMS}:min_terms=7:max_terms=9").prompt_of(prompt.problem)
    name, index, key = prompt.problem.split("/")
    for problem in (f"{name}/{index}", f"{name}/-{index}/{key}", f"{name}/٣/{key}", f"{name}/{'9' * 5000}/{key}"):
        with pytest.raises(DataError, match="has no problem"):
            make_task(f"{SUMS}:max_terms=3").prompt_of(problem)


def test_no_question_comes_twice_nor_in_both_splits(registered: Any) -> None:
    """Two numbers from 1 to 12 are few questions, which many indices pose."""
    task = make_task("reasoning_gym:dataset=gcd:max_numbers=2:max_value=12:prompt=plain")
    train, test = ([prompt.text for prompt in task.prompts(split, n)] for split, n in (("train", 40), ("test", 3)))
    assert len({*train, *test}) == 43
    with pytest.raises(RecipeError, match="found only"):
        make_task("reasoning_gym:dataset=gcd:max_numbers=2:max_value=2").prompts("train", 5)


def test_options_are_read_by_their_types(registered: Any) -> None:
    spec = "reasoning_gym:dataset=basic_arithmetic:allow_negation=false:max_terms=3:operators=%5B%22+%22%2C %22-%22]"
    task = make_task(spec.replace("%5B", "[").replace("%22", '"'))
    assert (task.config.allow_negation, task.config.max_terms, task.config.operators) == (False, 3, ["+", "-"])
    table = {"name": "reasoning_gym", "dataset": "basic_arithmetic", "max_terms": 3, "operators": ["+", "-"]}
    again = make_task({**table, "allow_negation": False})
    assert again.spec == task.spec == make_task(task.spec).spec
    assert "," not in task.spec
    assert again.prompts("train", 5) == task.prompts("train", 5)


def test_levels_are_those_of_the_packages_curriculum(registered: Any) -> None:
    """Its levels of chain_sum: 2 to 12 terms of 1 to 10 digits; a level reaches from the lowest to its own."""
    easy, hard = (make_task(f"{SUMS}:level={level}").config for level in (0, 10))
    assert (easy.max_terms, easy.max_digits, hard.max_terms, hard.max_digits) == (2, 1, 12, 10)
    assert (hard.min_terms, hard.min_digits) == (2, 1)
    assert make_task(f"{SUMS}:level=0:allow_negation=true").config.allow_negation is True


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("reasoning_gym", "'dataset' is missing; it must be given"),
        ("reasoning_gym:dataset=chain_sun", "there is no data set 'chain_sun', did you mean 'chain_sum'"),
        (f"{SUMS}:min_term=3", "unknown key 'min_term' of data set 'chain_sum', did you mean 'min_terms'"),
        (f"{SUMS}:size=3", "unknown key 'size'"),
        (f"{SUMS}:min_terms=few", "'min_terms' of data set 'chain_sum' is 'few'; expected int"),
        (f"{SUMS}:min_terms=9", "does not take these options: max_terms must be >= min_terms"),
        (f"{SUMS}:level=11", "data set 'chain_sum' has levels 0 to 10, got 11"),
        (f"{SUMS}:level=1:max_terms=3", "level 1 and 'max_terms' both say how hard; give one of them"),
        ("reasoning_gym:dataset=acre:level=1", "data set 'acre' has no levels"),
    ],
)
def test_bad_options_are_sentences(spec: str, sentence: str, registered: Any) -> None:
    assert sentence in refused(spec)


def test_a_data_set_that_nobody_read_is_refused(registered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registered, "brand_new", registered["chain_sum"])
    assert f"its scorer was not read yet (those of version {JUDGED} were)" in refused("reasoning_gym:dataset=brand_new")


def test_without_the_package_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    monkeypatch.setitem(sys.modules, "reasoning_gym.factory", None)
    assert "pip install 'assay-rl[reasoning-gym]'" in refused(SUMS)


def test_prompts_ask_for_a_mark(registered: Any) -> None:
    for style, mark in (("answer", "<answer>"), ("boxed", r"\boxed{}")):
        (prompt,) = make_task(f"{SUMS}:prompt={style}").prompts("train", 1)
        assert prompt.messages is not None
        assert mark in prompt.messages[0]["content"].splitlines()[-1]


def test_only_a_full_score_is_right(registered: Any) -> None:
    """chain_sum gives 0.2 for its gold in five times as much text, and reads 1,000.0 as 1000."""
    task = make_task(f"{SUMS}:min_digits=4:allow_negation=false")
    prompt = task.prompts("train", 1)[0]
    gold = prompt.gold
    responses = [f"<answer>{int(gold):,}.0</answer>", rf"\boxed{{{gold}}}", gold, f"<answer>is {gold}</answer>", "so"]
    scores = task.verify_many([(prompt, response) for response in responses])
    assert [(each.verdict, each.reason) for each in scores] == [
        (Verdict.RIGHT, None),
        (Verdict.RIGHT, None),
        (Verdict.RIGHT, None),
        (Verdict.WRONG, "its scorer gives less than 1.0"),
        (Verdict.WRONG, "its scorer gives less than 1.0"),
    ]
    assert task.verify(prompt, "").reason == task.verify(prompt, r"\boxed{12").reason == "no answer"
    assert task.verify(prompt, f"<answer>{'9' * 20_001}</answer>").reason == "an answer of over 20000 characters"
    assert (scores[1].judge, scores[1].answer) == (f"reasoning_gym.chain_sum@{JUDGED}", gold)


def test_long_answers_are_read_whole(registered: Any) -> None:
    """manipulate_matrix at its last level has boards of thousands of characters."""
    task = make_task("reasoning_gym:dataset=rotate_matrix:level=2:prompt=plain")
    prompt = max(task.prompts("train", 10), key=lambda each: len(each.gold))
    assert len(prompt.gold) > 1000
    assert task.verify(prompt, f"<answer>\n{prompt.gold}\n</answer>").correct is True
    assert task.verify(prompt, f"<answer>\n{prompt.gold[:-1]}\n</answer>").correct is False


def item(dataset: str, answer: str, gold: str, registered: Any, **metadata: Any) -> dict[str, Any]:
    config = pickle.dumps(registered[dataset][1](seed=0, size=1))
    entry = {"answer": gold, "metadata": metadata}
    return {"dataset": dataset, "config": config, "answer": answer, "entry": entry}


def test_what_a_scorer_raises_is_the_answers_doing_where_the_gold_is_read(registered: Any) -> None:
    """So no text makes itself unjudged; a scorer that cannot read its own gold is at fault itself."""
    assert score(item("prime_factorization", "3 × 2", "2 × 3", registered)) is True
    assert score(item("prime_factorization", "6", "2 × 3", registered)) is False
    unread = score(item("prime_factorization", "two", "2 × 3", registered))
    assert isinstance(unread, str) and unread.startswith("ValueError: invalid literal for int()")
    with pytest.raises(ValueError, match="invalid literal"):
        score(item("prime_factorization", "two", "two", registered))


def test_a_fault_of_the_workers_is_unknown(registered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(SUMS)
    prompt = task.prompts("train", 1)[0]
    with Workers("json:loads") as broken:  # which raises on any item
        monkeypatch.setattr(reasoning_gym, "score_workers", lambda: broken)
        found = task.verify(prompt, "<answer>1</answer>")
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason is not None and found.reason.startswith("error: ")


def test_the_spec_keeps_what_was_given(registered: Any) -> None:
    spec = f"{SUMS}:max_terms=3:min_terms=2"
    assert make_task(f"{SUMS}:min_terms=2:max_terms=3:prompt=answer").spec == spec
    assert parse_spec(spec)["max_terms"] == "3"
