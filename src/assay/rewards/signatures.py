"""The signatures in which users write rewards, TRL's and verl's, and how their arguments and results are read.

TRL:  reward(prompts, completions, completion_ids, trainer_state, log_metric, log_extra, **columns)
      -> list[float | None], one entry for each sample of the call; called with keywords
verl: compute_score(data_source, solution_str, ground_truth, extra_info) -> float, or a dict with "score"

A function gets those of these arguments that it names, or all where it has **kwargs. Both may be coroutine functions.
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import RecipeError
from assay.registry import nearest
from assay.rewards.calls import Call, Failure
from assay.types import Group, Prompt, Sample

Value = float | None | Failure
"""What a function says of one sample; None where the function itself does not score it."""


@dataclass(frozen=True, slots=True)
class TrainerState:
    """Of TRL's state what a reward can depend on: finished steps, and steps of the whole run."""

    global_step: int
    max_steps: int


class UserReward(ABC):
    """A user's function in one of the signatures."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function

    @abstractmethod
    def calls(self, groups: Sequence[Group], state: TrainerState, start: int = 0) -> list[Call]:
        """The calls that score the groups' samples, which have the places from `start` on."""

    @abstractmethod
    def read(self, call: Call, result: Any) -> list[Value] | Failure:
        """The value of each sample of a call; a Failure where the result is of no use for any."""


class TrlReward(UserReward):
    """A function in TRL's signature: one call scores all samples."""

    def calls(self, groups: Sequence[Group], state: TrainerState, start: int = 0) -> list[Call]:
        """One call."""
        samples = [(group.prompt, sample) for group in groups for sample in group.samples]
        logged: list[tuple[str, float]] = []
        offered = _columns(samples) | {
            "prompts": [_posed(prompt) for prompt, _ in samples],
            "completions": [_completion(prompt, sample) for prompt, sample in samples],
            "completion_ids": [sample.token_ids[sample.mask].tolist() for _, sample in samples],
            "trainer_state": state,
            "log_metric": lambda name, value: logged.append((str(name), float(value))),
            "log_extra": lambda column, values: None,
        }
        return [Call(self.function, accepted(self.name, self.function, offered), start, len(samples), logged)]

    def read(self, call: Call, result: Any) -> list[Value] | Failure:
        """A list with a number or None for each sample."""
        wanted = f"expected a list of {call.count} numbers, one for each sample"
        if isinstance(result, str | bytes | Mapping) or not isinstance(result, Iterable):
            return Failure(f"returned {_short(result)}; {wanted}", "no list")
        values = list(result)
        if len(values) != call.count:
            return Failure(
                f"returned {len(values)} values for {call.count} samples; {wanted}", "another number of values"
            )
        return [as_value(value) for value in values]


class VerlReward(UserReward):
    """A function in the signature of verl's compute_score: one call a sample."""

    def calls(self, groups: Sequence[Group], state: TrainerState, start: int = 0) -> list[Call]:
        """One call a sample."""
        samples = [(group.prompt, sample) for group in groups for sample in group.samples]
        return [
            Call(self.function, accepted(self.name, self.function, verl_arguments(prompt, sample.text)), place, 1)
            for place, (prompt, sample) in enumerate(samples, start)
        ]

    def read(self, call: Call, result: Any) -> list[Value] | Failure:
        """A number, or a dict with one under "score"; its other numbers are logged as KEY/mean."""
        if not isinstance(result, Mapping):
            return [as_value(result)]
        if "score" not in result:
            return Failure(f"returned a dict without 'score'; it has {', '.join(map(repr, result))}", "no score")
        for key, value in result.items():
            number = as_value(value)
            if key != "score" and isinstance(number, float):
                call.logged.append((f"{key}/mean", number))
        return [as_value(result["score"])]


def verl_arguments(prompt: Prompt, response: str) -> dict[str, Any]:
    """What verl passes of a row in its layout; of another row, the task's name and its gold answer."""
    columns = prompt.columns
    model, extra = columns.get("reward_model"), columns.get("extra_info")
    return {
        "data_source": columns.get("data_source", prompt.task.partition(":")[0]),
        "solution_str": response,
        "ground_truth": model.get("ground_truth", prompt.gold) if isinstance(model, Mapping) else prompt.gold,
        "extra_info": {} if extra is None else dict(extra) if isinstance(extra, Mapping) else extra,
    }


def accepted(name: str, function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the offered arguments that a function takes. Raises RecipeError where it needs another."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C have none
        return dict(offered)
    keywords = {each.name: each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    needed = [each.name for each in keywords.values() if each.default is each.empty]
    needed += [each.name for each in parameters if each.kind is each.POSITIONAL_ONLY and each.default is each.empty]
    for each in needed:
        if each not in offered or each not in keywords:
            raise RecipeError(
                f"reward {name}: its parameter {each!r} cannot be filled{nearest(each, offered, 0.75)}; arguments are "
                f"passed by name, and there are {', '.join(offered)}: rename it, name the column so, or give it a "
                "default"
            )
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return {key: value for key, value in offered.items() if takes_all or key in keywords}


def as_value(value: Any) -> Value:
    """A number as float, None as it is, and a Failure for what is neither or is not finite."""
    if value is None:
        return None
    try:
        number = None if isinstance(value, str | bytes) else float(value)
    except Exception:  # whatever a tensor or an object of the user's raises
        number = None
    if number is None:
        return Failure(f"returned {_short(value)} for a sample; expected a number, or None", "no number")
    return number if math.isfinite(number) else Failure(f"returned {number} for a sample", "not finite")


def _posed(prompt: Prompt) -> Any:
    return prompt.text if prompt.text is not None else [dict(message) for message in prompt.messages or ()]


def _completion(prompt: Prompt, sample: Sample) -> Any:
    return sample.text if prompt.text is not None else [{"role": "assistant", "content": sample.text}]


def _columns(samples: Sequence[tuple[Prompt, Sample]]) -> dict[str, Any]:
    names = dict.fromkeys(key for prompt, _ in samples for key in prompt.columns)
    return {key: [prompt.columns.get(key) for prompt, _ in samples] for key in names}


def _short(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:40] + '...'}"
