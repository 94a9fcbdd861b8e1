r"""`reasoning_gym`: problems of the package reasoning-gym, one of its data sets a task.

    reasoning_gym:dataset=chain_sum:min_terms=2:max_terms=4
    reasoning_gym:dataset=maze:level=2

Keys that are not of `Options` are the data set's own. Problem INDEX is the first problem of the data set made with seed
INDEX, which in nearly all data sets is problem INDEX of seed 0. Its identity is `DATASET/INDEX/HASH`, the hash that of
its question. So it can be posed again from its identity, and where the options or the package have changed, the hash
does not fit, and that is an error.

An answer is right where the data set's scorer gives exactly 1.0. Scorers run in worker processes, for they read what a
model wrote; a time-out, a crash or a lack of memory there is UNKNOWN. Data sets whose scorer or whose problems cannot
be trusted are refused (`reasoning_gym_sets.DENIED`).
"""

import contextlib
import dataclasses
import io
import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from random import Random
from typing import Any, Literal, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from assay.config import Strict, build
from assay.errors import DataError, RecipeError
from assay.grading.workers import Outcome, Workers
from assay.registry import nearest, resolve
from assay.tasks import About, Check, Split, format_spec
from assay.tasks.answers import Answer, read_text
from assay.tasks.near_misses import silent_cases
from assay.tasks.reasoning_gym_score import DATASETS
from assay.tasks.reasoning_gym_sets import ALLOWED, DENIED, IN_ADVANCE, JUDGED, SEVERAL_ANSWERS
from assay.tasks.splits import distinct_prompts, split_of
from assay.tasks.tables import identity
from assay.types import Labels, Prompt, Score, Verdict, right, unknown, wrong

LONGEST_ANSWER = 20_000
"""Characters of an answer that is scored: boards and lists of moves are long."""
INDICES = 2**31
CHECKED = 5
"""Problems that `checks` takes."""

INSTRUCTIONS = {
    "answer": "Please reason step by step, and put your final answer between <answer> and </answer>.",
    "boxed": r"Please reason step by step, and put your final answer within \boxed{}.",
}


@cache
def score_workers() -> Workers:
    """The processes that run scorers, shared by all tasks of this process; they start at the first answer."""
    return Workers("assay.tasks.reasoning_gym_score:score", load=(DATASETS,))


class Options(Strict):
    """Options of `reasoning_gym` beside those of the data set.

    `level`: the package's own curriculum, from 0; an attribute that has fewer levels stays at its last. `prompt`: how
    the answer is asked for; "plain" poses the question alone, as text.
    """

    dataset: str
    level: int | None = Field(None, ge=0)
    prompt: Literal["answer", "boxed", "plain"] = "answer"


class ReasoningGym:
    """One data set of reasoning-gym; see the module's text."""

    name = "reasoning_gym"
    judge = "reasoning_gym@VERSION"
    max_new_tokens = 1024
    about = About(
        what="a data set of the package reasoning-gym",
        source="generated",
        licence="Apache-2.0",
        floor="none known",
    )

    def __init__(self, options: Options, given: Mapping[str, Any]) -> None:
        registered = _registered()
        self.options = options
        self.dataset = options.dataset
        self.kind, config_kind = registered[_allowed(self.dataset, registered)]
        self.given = {key: _text(value) for key, value in given.items()}
        self.config = _config(self.dataset, config_kind, options.level, self.given)
        self.made = self._make(0)
        self.judge = f"reasoning_gym.{self.dataset}@{version('reasoning-gym')}"

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "ReasoningGym":
        """A task from a spec's or a recipe's options. Raises RecipeError, also where the package is not installed."""
        own = {key: value for key, value in options.items() if key in Options.model_fields}
        given = {key: value for key, value in options.items() if key not in own}
        return cls(build(Options, own, "task reasoning_gym"), given)

    @property
    def spec(self) -> str:
        """For example 'reasoning_gym:dataset=chain_sum:max_terms=4'."""
        own = self.options.model_dump(exclude_defaults=True)
        return format_spec(self.name, own | dict(sorted(self.given.items())))

    def size(self, split: Split) -> int | None:
        """Problems are generated without end."""
        return None

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` problems of the split with different questions (256 where not said)."""
        questions: set[str] = set()

        def is_new(prompt: Prompt) -> bool:
            question = prompt.problem.rpartition("/")[2]
            known = question in questions
            questions.add(question)
            return not known

        wanted = 256 if count is None else count
        return distinct_prompts(self._draw, is_new, split, wanted, seed, self.spec)

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt whose identity is `problem`. Raises DataError where this task, as configured, has none."""
        dataset, _, rest = problem.partition("/")
        index = rest.partition("/")[0]
        known = dataset == self.dataset and index.isascii() and index.isdigit() and int(index[:12]) < INDICES
        prompt = self._pose(int(index)) if known else None
        if prompt is None or prompt.problem != problem:
            raise DataError(
                f"task {self.spec}: has no problem {problem[:80]!r}; expected {self.dataset}/INDEX/HASH as this data "
                "set with these options poses it; were other options, or another version of reasoning-gym, used?"
            )
        return prompt

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the data set's scorer gives the answer exactly 1.0; UNKNOWN for a fault of the worker."""
        return self.verify_many([(prompt, response)])[0]

    def verify_many(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Score]:
        """The scores of many responses, judged side by side."""
        answers = [read_text(response, LONGEST_ANSWER) for _, response in pairs]
        items = [
            self._item(prompt, answer) for (prompt, _), answer in zip(pairs, answers, strict=True) if _is_scored(answer)
        ]
        outcomes = iter(score_workers().map(items))
        return [self._score(answer, next(outcomes) if _is_scored(answer) else None) for answer in answers]

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """None: the package does not say what counts as the same solution."""
        return Labels()

    def guess_probability(self, prompt: Prompt) -> None:
        """None: what a blind answer would be is not known, so no floor is."""
        return None

    def checks(self) -> Sequence[Check]:
        """The gold must be right; no answer, other answers, and the gold with more around it must be wrong."""
        prompts = self.prompts("train", CHECKED)
        return [check for prompt in prompts for check in self._checks(prompt, [each.gold for each in prompts])]

    def _checks(self, prompt: Prompt, golds: Sequence[str]) -> Iterator[Check]:
        gold = prompt.gold
        others = [other for other in golds if other.casefold() != gold.casefold()]
        wrongs = [(text, "stock answer") for text in ("0", "True", "nan", "[]") if text.casefold() != gold.casefold()]
        wrongs += [(f"{gold} or 7", "gold or another"), (f"{gold}, banana", "gold and another")]
        wrongs += [(f"{gold}\nI am not sure.", "gold and prose"), (f"It is {gold}", "prose and gold")]
        wrongs += [(f"{other}, {gold}", "another before gold") for other in others[:1]]
        wrongs += [(f"{gold} {other}", "another after gold") for other in others[:1]]
        if self.dataset not in SEVERAL_ANSWERS:
            wrongs += [(other, "another problem's gold") for other in others[:2]]
        yield Check(prompt, f"<answer>{gold}</answer>", Verdict.RIGHT, "gold")
        yield Check(prompt, f"<answer>0 1</answer> no: <answer>\n{gold}\n</answer>", Verdict.RIGHT, "the last is gold")
        for text, why in wrongs:
            yield Check(prompt, f"<answer>{text}</answer>", Verdict.WRONG, why)
        for response, verdict, why in silent_cases():
            yield Check(prompt, response, verdict, why)

    def _draw(self, rng: Random) -> Prompt | None:
        return self._pose(rng.randrange(INDICES))

    def _pose(self, index: int) -> Prompt | None:
        """Problem `index`; None where the data set fails to make one, or one whose answer its scorer does not take."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # some data sets print
                entry = self._make(index)[0] if self.dataset in IN_ADVANCE else self.made[index]
                question, gold = entry["question"], entry["answer"]
                if not 0 < len(gold.strip()) <= LONGEST_ANSWER or self.made.score_answer(gold, entry) != 1.0:
                    return None
        except Exception:  # a data set may raise anything where its options leave no problem
            return None
        key = identity(question)
        style = self.options.prompt
        message = {"role": "user", "content": f"{question}\n\n{INSTRUCTIONS.get(style, '')}"}
        return Prompt(
            task=self.spec,
            problem=f"{self.dataset}/{index}/{key}",
            gold=gold,
            split=split_of(key),
            text=question if style == "plain" else None,
            messages=None if style == "plain" else (message,),
            columns={"metadata": entry["metadata"]},
        )

    def _make(self, seed: int) -> Any:
        return self.kind(dataclasses.replace(self.config, seed=seed, size=1))

    def _item(self, prompt: Prompt, answer: Answer | None) -> dict[str, Any]:
        assert answer is not None
        entry = {"answer": prompt.gold, "metadata": prompt.columns["metadata"]}
        return {"dataset": self.dataset, "config": pickle.dumps(self.config), "answer": answer.text, "entry": entry}

    def _score(self, answer: Answer | None, outcome: Outcome | None) -> Score:
        if answer is None or outcome is None:
            is_long = answer is not None and len(answer.text) > LONGEST_ANSWER
            return wrong(self.judge, f"an answer of over {LONGEST_ANSWER} characters" if is_long else "no answer")
        if outcome.fault:
            return unknown(self.judge, f"{outcome.fault}: {outcome.detail}")
        shown = answer.text[:200]
        if outcome.value is True:
            return right(self.judge, shown)
        why = f"the scorer cannot read it ({outcome.value})" if outcome.value else "its scorer gives less than 1.0"
        return wrong(self.judge, why, shown)


def _is_scored(answer: Answer | None) -> bool:
    return answer is not None and bool(answer.text.strip()) and len(answer.text) <= LONGEST_ANSWER


def _registered() -> Mapping[str, Any]:
    """Data set -> its class and that of its configuration. Raises RecipeError without the package."""
    try:
        found: Mapping[str, Any] = resolve(DATASETS)
    except RecipeError as error:
        raise RecipeError(
            f"task reasoning_gym needs the package reasoning-gym ({error.__cause__ or error}); "
            "pip install 'assay-rl[reasoning-gym]'"
        ) from None
    return found


def _allowed(dataset: str, registered: Mapping[str, Any]) -> str:
    """The data set's name. Raises RecipeError where it is refused or unknown."""
    if dataset in ALLOWED and dataset in registered:
        return dataset
    if dataset not in registered:
        raise RecipeError(
            f"task reasoning_gym: there is no data set {dataset!r}{nearest(dataset, ALLOWED)}; "
            "expected one of reasoning-gym, for example chain_sum"
        )
    why = DENIED.get(dataset, f"its scorer was not read yet (those of version {JUDGED} were)")
    raise RecipeError(
        f"task reasoning_gym: data set {dataset!r} is refused, for {why}; "
        "take another, for example chain_sum (docs/tasks.md lists them)"
    )


def _text(value: Any) -> str:
    """An option as a spec writes it: what is no text as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _config(dataset: str, kind: Any, level: int | None, given: Mapping[str, str]) -> Any:
    """The data set's configuration. Raises RecipeError for unknown keys and for values that it does not take."""
    kinds = {key: hint for key, hint in get_type_hints(kind).items() if key not in ("seed", "size")}
    leveled = {} if level is None else _at_level(dataset, level)
    for key in given:
        if key not in kinds:
            known = sorted({*kinds, *Options.model_fields})
            raise RecipeError(
                f"task reasoning_gym: unknown key {key!r} of data set {dataset!r}{nearest(key, known)}; "
                f"known here: {', '.join(known)}"
            )
        if key in leveled:
            raise RecipeError(f"task reasoning_gym: level {level} and {key!r} both say how hard; give one of them")
    values = {key: _value(dataset, key, kinds[key], text) for key, text in given.items()}
    try:
        config = kind(**leveled, **values)
        getattr(config, "validate", lambda: None)()
    except (AssertionError, ValueError, TypeError) as error:
        raise RecipeError(f"task reasoning_gym: data set {dataset!r} does not take these options: {error}") from None
    return config


def _value(dataset: str, key: str, hint: Any, text: str) -> Any:
    """'3' -> 3, 'true' -> True, '["+", "-"]' -> a list: by the type that the configuration declares."""
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    for read in (adapter.validate_python, adapter.validate_json):
        with contextlib.suppress(ValidationError):
            return read(text)
    raise RecipeError(
        f"task reasoning_gym: {key!r} of data set {dataset!r} is {text!r}; "
        f"expected {hint.__name__ if isinstance(hint, type) else f'{hint}, written as JSON'}"
    )


def _at_level(dataset: str, level: int) -> dict[str, Any]:
    """What the curriculum sets at a level. Raises RecipeError where there is no such level."""
    curricula = resolve("reasoning_gym.factory:CURRICULA")
    if dataset not in curricula:
        raise RecipeError(f"task reasoning_gym: data set {dataset!r} has no levels; give its own keys instead")
    curriculum = curricula[dataset]()
    attributes = curriculum.attributes.values()
    last = max(len(attribute.levels) for attribute in attributes) - 1
    if level > last:
        raise RecipeError(f"task reasoning_gym: data set {dataset!r} has levels 0 to {last}, got {level}")
    for attribute in attributes:
        curriculum.set_attr_level(attribute.name, min(level, len(attribute.levels) - 1))
    config = curriculum.generate_configuration()
    names = ("field_name", "lower_field_name", "upper_field_name")
    fields = [getattr(attribute, name) for attribute in attributes for name in names if hasattr(attribute, name)]
    return {field: getattr(config, field) for field in fields}
