"""Tasks: one file each. A task poses prompts and verifies responses; it needs no model and no torch.

A task is named by a spec, `NAME[:RUNG][:KEY=VALUE]...`, for example `compose:edge` or `countdown:numbers=4`. Commas
separate specs, so they never appear in one (docs/decisions/0002-task-specs.md). In a recipe it is the table `[task]`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from assay.errors import RecipeError
from assay.registry import lookup
from assay.types import Labels, Prompt, Score, Verdict

Split = Literal["train", "test"]

TASKS = {
    "countdown": "assay.tasks.countdown:Countdown",
    "compose": "assay.tasks.compose:Compose",
    "chain": "assay.tasks.chain:Chain",
    "gsm8k": "assay.tasks.gsm8k:Gsm8k",
    "svamp": "assay.tasks.svamp:Svamp",
    "math": "assay.tasks.benchmarks:Math",
    "math500": "assay.tasks.benchmarks:Math500",
    "minerva": "assay.tasks.benchmarks:Minerva",
    "aime24": "assay.tasks.benchmarks:Aime24",
    "aime25": "assay.tasks.benchmarks:Aime25",
    "amc23": "assay.tasks.benchmarks:Amc23",
    "olympiadbench": "assay.tasks.olympiadbench:OlympiadBench",
    "humaneval": "assay.tasks.code.benchmarks:HumanEval",
    "humaneval+": "assay.tasks.code.benchmarks:HumanEvalPlus",
    "mbpp": "assay.tasks.code.mbpp:Mbpp",
    "mbpp+": "assay.tasks.code.mbpp:MbppPlus",
    "code": "assay.tasks.code.own_rows:Code",
    "ifeval": "assay.tasks.ifeval:Ifeval",
    "jsonl": "assay.tasks.jsonl:Jsonl",
    "reasoning_gym": "assay.tasks.reasoning_gym:ReasoningGym",
}


@dataclass(frozen=True, slots=True)
class About:
    """What `assay tasks list` says of a task: its class attribute `about`.

    `source` is a Hugging Face id, "generated" or "your file"; `floor` says what the guess floor rests on; `folder` is
    where a local copy lies under $ASSAY_DATA; `rows` are the published numbers by split.
    """

    what: str
    source: str
    licence: str
    floor: str
    folder: str | None = None
    rows: Mapping[Split, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A prompt, a response to it, and the verdict that the task's verifier must give."""

    prompt: Prompt
    response: str
    verdict: Verdict
    why: str


class Task(Protocol):
    """What every task offers. Options are keyword arguments of its constructor, checked there (RecipeError)."""

    name: str
    judge: str
    """Name and version of the verifier, written beside every score."""
    max_new_tokens: int
    """Tokens that leave room for an answer with its work: the default of samplers."""
    about: About
    """What `assay tasks list` says of it."""

    @property
    def spec(self) -> str:
        """The spec that makes this task again, without local paths."""

    def size(self, split: Split) -> int | None:
        """Rows of the split, or None where prompts are generated without end."""

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` different prompts, the same for the same arguments; all rows where count is None."""

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt with this identity. Raises DataError where the task has none."""

    def verify(self, prompt: Prompt, response: str) -> Score:
        """Judges a response; never raises for anything that a model may write."""

    def labels(self, prompt: Prompt, response: str) -> Labels:
        """What else can be read off the response."""

    def guess_probability(self, prompt: Prompt) -> float | None:
        """Chance that one blind but rule-abiding answer is right; None where the task cannot say.

        The guess floor at k is 1 - (1 - p)^k.
        """

    def checks(self) -> Sequence[Check]:
        """Golds that must be right and near-misses that must be wrong: what `assay tasks check` runs."""


def verify_all(task: Task, pairs: Sequence[tuple[Prompt, str]]) -> list[Score]:
    """The scores of many (prompt, response) pairs, in order.

    A task whose verifier is slow or runs in worker processes offers `verify_many(pairs)`, which may judge them side by
    side; its scores are those of `verify`.
    """
    many = getattr(task, "verify_many", None)
    return list(many(pairs)) if many else [task.verify(prompt, response) for prompt, response in pairs]


def same_answers(task: Task, prompt: Prompt, answer: str, others: Sequence[str]) -> list[bool]:
    """Which of the other answers say the same as `answer`; all of them as `Score.answer` has them.

    Verifiers bring most answers into one form, so the same text is the same answer. A task whose verifier calls more
    the same, as 0.5 and 1/2, offers `same_answers(prompt, answer, others)`.
    """
    own = getattr(task, "same_answers", None)
    return list(own(prompt, answer, others)) if own else [other == answer for other in others]


def judges_steps(task: Task) -> bool:
    """Whether the task's scores have a value for each written step.

    Such a task offers `step_ends(prompt, response)`: for each of `Score.steps`, in order, the place in the response's
    text just after that step.
    """
    return hasattr(task, "step_ends")


def check_machine(task: Task) -> None:
    """Raises RunError where this machine cannot judge, if the task's optional `check_machine()` says so.

    Commands that sample ask it before they load a model.
    """
    check = getattr(task, "check_machine", None)
    if check is not None:
        check()


def stop_of(task: Task) -> tuple[str, ...]:
    """The stop strings that samplers use by default: those of the task's optional attribute `stop`."""
    return tuple(getattr(task, "stop", ()))


def wording_of(task: Task) -> str | None:
    """Name of the wording that the task's questions are put in: its optional attribute `wording`."""
    return getattr(task, "wording", None)


def data_hash_of(task: Task, split: str) -> str | None:
    """Hash of a split's problems and golds, from a task's optional `data_hash(split)`; None for generated ones."""
    made = getattr(task, "data_hash", None)
    return None if made is None else str(made(split))


def question_of(task: Task, prompt: Prompt) -> str:
    """The problem's own text, without what a wording (the task's optional attribute `posing`) puts around it."""
    text = prompt.text if prompt.text is not None else "\n\n".join(each["content"] for each in prompt.messages or ())
    posing = getattr(task, "posing", None)
    if posing is not None:
        return str(posing.question(text))
    return prompt.problem if text.startswith(prompt.problem) else text


def parse_spec(spec: str) -> dict[str, str]:
    """'countdown:edge:numbers=4' -> {'name': 'countdown', 'rung': 'edge', 'numbers': '4'}.

    A part without '=' that follows a key continues its value, so `verifier=my_graders:grade` needs no quoting.
    """
    name, *parts = spec.split(":")
    options = {"name": name}
    last = None
    for position, part in enumerate(parts):
        key, equals, value = part.partition("=")
        if equals and key and key not in options:
            options[key] = _unescape(value)
            last = key
        elif not equals and last:
            options[last] += ":" + _unescape(part)
        elif not equals and position == 0 and part:
            options["rung"] = part
        else:
            raise RecipeError(
                f"task {spec!r}: cannot read {part!r}; "
                "write NAME[:RUNG][:KEY=VALUE]..., as in compose:edge or countdown:numbers=4"
            )
    return options


def format_spec(name: str, options: Mapping[str, Any]) -> str:
    """The spec that `parse_spec` reads back as these options; a rung comes first, what is None is left out.

    >>> format_spec("jsonl", {"verifier": "my_graders:grade", "chat": True})
    'jsonl:verifier=my_graders:grade:chat=true'
    """
    given = {key: value for key, value in options.items() if value is not None}
    rung = [str(given.pop("rung"))] if "rung" in given else []
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
    return ":".join([name, *rung, *(f"{key}={_escape(text)}" for key, text in texts.items())])


def _escape(value: str) -> str:
    return re.sub("[%,=]", lambda match: f"%{ord(match[0]):02X}", value)


def _unescape(value: str) -> str:
    return re.sub("%(25|2C|3D)", lambda match: chr(int(match[1], 16)), value)


def data_for(spec: str, name: str, data: str | None) -> str | None:
    """A run's local data, where a spec is of the run's own task `name`; None for another task."""
    return data if parse_spec(spec)["name"] == name else None


def make_task(spec: str | dict[str, Any], data: str | None = None) -> Task:
    """The task that a spec, or a recipe's [task] table, names. `data` is a local file for tasks that read rows."""
    options = parse_spec(spec) if isinstance(spec, str) else dict(spec)
    name = options.pop("name")
    kind = lookup("task", name, TASKS)
    if data is not None:
        if kind.about.source == "generated":
            raise RecipeError(f"task {name} is generated and takes no data; leave out --data {data}")
        options["data"] = data
    task: Task = kind.from_options(options)
    return task
