"""The records that travel through Assay. Frozen, and free of torch.

Alignment, here and everywhere: index t describes token t of `prompt + response`. `mask[t]` is True where the policy
chose token t, its stop token included; `mask[0]` is False. Only `assay.batch` shifts anything.

Shape legend: T tokens of one sample, prompt included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Verdict(StrEnum):
    """What a verifier says. UNKNOWN means that it could not judge: never the same as WRONG."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Stop(StrEnum):
    """Why a response ended. Truncated means LENGTH, never 'the last token is not EOS'."""

    EOS = "eos"
    STRING = "stop_string"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One problem as a task poses it.

    `problem` is its identity: a string that depends on neither template nor tokenizer, so that samples of different
    models can be matched. Exactly one of `text` and `messages` (role and content pairs) is given. `gold` is opaque to
    all but the task's verifier. `columns` holds the other columns of a data row, handed to reward functions.
    """

    task: str
    problem: str
    gold: Any
    split: str
    text: str | None = None
    messages: tuple[Mapping[str, str], ...] | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert (self.text is None) != (self.messages is None), "a Prompt has either text or messages"


@dataclass(frozen=True, slots=True)
class Score:
    """A verifier's judgement of one response.

    A response with no readable answer is WRONG with value 0.0 and a reason. UNKNOWN is kept for faults of the
    verifier and unreadable golds; its value is None. `steps` holds a value per written step where a task checks them
    (None for a step that could not be read). `judge` names verifier and version, for example "gsm8k.exact@1"; `tier`
    the part of it that decided, where it has several.
    """

    verdict: Verdict
    judge: str
    value: float | None
    reason: str | None = None
    answer: str | None = None
    steps: tuple[float | None, ...] | None = None
    tier: str | None = None

    def __post_init__(self) -> None:
        assert (self.value is None) == (self.verdict is Verdict.UNKNOWN), "None if and only if unknown"

    @property
    def correct(self) -> bool | None:
        """True, False, or None where the response could not be judged."""
        return None if self.verdict is Verdict.UNKNOWN else self.verdict is Verdict.RIGHT


def right(judge: str, answer: str | None = None, **more: Any) -> Score:
    """A right answer: value 1.0."""
    return Score(Verdict.RIGHT, judge, 1.0, answer=answer, **more)


def wrong(judge: str, reason: str, answer: str | None = None, **more: Any) -> Score:
    """A wrong answer, or none that could be read: value 0.0 and the reason."""
    return Score(Verdict.WRONG, judge, 0.0, reason=reason, answer=answer, **more)


def unknown(judge: str, reason: str, **more: Any) -> Score:
    """The verifier could not judge: value None and the reason."""
    return Score(Verdict.UNKNOWN, judge, None, reason=reason, **more)


@dataclass(frozen=True, slots=True)
class Labels:
    """What a task can read off a response besides its correctness; None where it cannot.

    `solution`: canonical form of the solution, equal for solutions that count as the same.
    `strategy`: how the response went about it ("code", "prose", ...).
    `reflection`: what trying again did: "confirm", "repair", "break", "loop" or "miss" (`assay.tasks.traces`).
    `confidence`: the word of confidence in it ("sure", "unsure").
    `form`: how the answer is announced ("answer", or "so", which no verifier reads).
    """

    solution: str | None = None
    strategy: str | None = None
    reflection: str | None = None
    confidence: str | None = None
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How responses are drawn. `top_k` 0 and `top_p` 1 are off; lengths in tokens."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_new_tokens: int = 128
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a response that gets credit of its own.

    `end` is the index of the first token after it; a step begins where the one before ends, the first with the
    response, and the last one ends with it. `value` is what the step is worth, None where nothing judged it.
    """

    end: int
    value: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One response to one prompt, as sampled.

    token_ids  int32 [T]    prompt, then response
    mask       bool  [T]    True where the policy chose the token
    logprobs   float32 [T]  log-probability of each chosen token under the distribution it was drawn from, temperature
                            included; to be read only where `mask` is True

    `group` is the rollout's own id: samples are grouped by it, never by prompt text. `policy` is the version of the
    weights that sampled. `scores` by name: "true" is correctness, others are what a recipe trains on. Reward, shaped
    reward (with what the algorithm adds to it; None where the sample is to leave its group's statistics) and advantage
    are three fields, each None until known. Where steps are credited apart, `steps` cut the response and
    `step_advantages` stand in place of `advantage`.
    """

    group: int
    member: int
    token_ids: NDArray[np.int32]
    mask: NDArray[np.bool_]
    logprobs: NDArray[np.float32]
    sampling: Sampling
    policy: str
    stop: Stop
    text: str
    scores: Mapping[str, Score] = field(default_factory=dict)
    reward: float | None = None
    shaped_reward: float | None = None
    advantage: float | None = None
    steps: tuple[Step, ...] = ()
    step_advantages: tuple[float, ...] | None = None

    @property
    def length_tokens(self) -> int:
        """Tokens that the policy chose, its stop token included."""
        return int(self.mask.sum())

    @property
    def given_tokens(self) -> int:
        """Tokens before the first that the policy chose."""
        return int(self.mask.argmax()) if self.mask.any() else len(self.mask)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A prompt and the samples drawn for it in one rollout."""

    prompt: Prompt
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval; a bound is None where the data do not bound it."""

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim of an audit, with what it rests on.

    `n` counts what the interval is over (problems, unless `method` says otherwise); `evidence` names samples as
    "label/problem/member".
    """

    audit: str
    model: str
    claim: str
    verdict: str | None
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    evidence: tuple[str, ...] = ()
