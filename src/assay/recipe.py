"""Recipes: one TOML file says everything about a training run. Strict: an unknown key is an error.

`load_recipe(path, ["algorithm.clip_high=0.28"])` reads, overrides and checks; `Recipe.fingerprint` identifies what will
be trained. Shipped recipes are in `recipes/`.
"""

import hashlib
import json
import tomllib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field, model_validator

from assay.config import Strict, build
from assay.errors import RecipeError
from assay.registry import nearest, resolve
from assay.types import Sampling


class BaseTable(Strict):
    """The model to start from."""

    base: str
    """A Hugging Face directory, a hub id, a run directory, or `organism:NAME`."""
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    template: Literal["auto", "chat", "plain"] = "auto"


class LoraTable(Strict):
    """Adapters of low rank that are trained in place of the weights."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    """The product of the two factors is multiplied by alpha / rank."""
    targets: tuple[str, ...] = Field(("all-linear",), min_length=1)
    """Ends of the names of the layers that get one, as `q_proj`; `all-linear` for all but the output layer."""


class PolicyTable(BaseTable):
    """The model to start from, and what of it is trained."""

    storage: Literal["auto", "bfloat16"] = "auto"
    """What weights are rounded to after every update, and saved in; `auto` is `dtype`, in which products are made."""
    lora: LoraTable | None = None


class ModelTable(PolicyTable):
    """The model to start from, and those to compare with."""

    reference: str = "base"
    """What a KL penalty compares with: `base`, another model, or `none`."""
    teacher: str = "none"
    """The model that distillation learns from."""


class RolloutTable(Strict):
    """How samples are drawn for each step."""

    prompts: int = Field(32, ge=1)
    """Prompts a step; prompts x group = samples a step."""
    group: int = Field(16, ge=1)
    """Samples of each prompt."""
    temperature: float = Field(1.0, gt=0)
    max_new_tokens: int = Field(128, ge=1)
    slots: int = Field(1024, ge=1)
    """Samples that are decoded at once."""
    problems: str | None = None
    """A sample file: only the problems that it names are trained on, epoch by epoch."""


class RewardTable(Strict):
    """What a recipe trains on. Correctness is logged beside it in any case."""

    functions: tuple[str, ...] = Field(("verifier",), min_length=1)
    """`ground_truth` or `verifier`, a control as `random`, a compound of these as `format and not strategy:code`,
    `model:PATH`, or a function by `module:function`, in verl's signature by `verl:module:function`."""
    weights: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | None = None
    """One a function, 1 where not given; a function of weight 0 is logged and not trained on."""

    @model_validator(mode="after")
    def _fit(self) -> "RewardTable":
        if len(set(self.functions)) < len(self.functions):
            raise ValueError("a function is named twice; name each once, with the sum of its weights")
        if self.weights is not None and not any(self.weights):
            raise ValueError("every weight is 0, so there is nothing to train on; give one another weight")
        if self.weights is not None and len(self.weights) != len(self.functions):
            raise ValueError(f"weights: {len(self.weights)}, functions: {len(self.functions)}; give as many")
        return self


class OptimizerTable(Strict):
    """AdamW on float32 master weights."""

    learning_rate: float = Field(1e-6, gt=0)
    warmup_steps: int = Field(0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    micro_batch_tokens: int = Field(2048, ge=1)
    """Tokens of a forward and backward pass, padding counted. Changes memory and speed, never the gradient: few are
    nearly as fast on a CPU, and a GPU wants as many as its memory holds."""
    shared_prompts: bool = True
    """Compute a prompt once for all its rows in a micro-batch, where the model's attention allows. Changes speed, never
    the gradient."""
    packed: bool = False
    """Put the rows of a micro-batch behind one another instead of padding them. Changes speed, never the gradient."""
    mask: str | None = None
    """A file of `assay diff --mask`: only the weights that it names may move."""

    @model_validator(mode="after")
    def _masked_stay(self) -> "OptimizerTable":
        if self.mask is not None and self.weight_decay:
            raise ValueError("weight_decay would move the weights outside of mask too; set weight_decay = 0")
        return self


class EvaluationTable(Strict):
    """Held-out problems, sampled during training."""

    every: int = Field(10, ge=0)
    """Steps between evaluations; 0 for none."""
    problems: int = Field(64, ge=1)
    samples: int = Field(4, ge=1)
    task: str | None = None
    """A task spec; the recipe's task where not given."""


class CheckpointTable(Strict):
    """State that a run continues from after it was stopped."""

    every: int = Field(20, ge=1)
    keep: int = Field(1, ge=1)
    rollouts_every: int = Field(10, ge=0)
    """Steps between stored batches of training samples, the last step's among them; 0 for none."""


class AuditTable(Strict):
    """What `assay audit RUN` samples from base and tuned model."""

    task: str | None = None
    """A task spec; the recipe's task where not given."""
    problems: int = Field(256, ge=1)
    n: int = Field(128, ge=1)
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int | None = None
    seed: int = 0


class RunRecipe(Strict, ABC):
    """What every recipe has, whatever it trains."""

    kind: str
    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    seed: int = Field(0, ge=0)
    steps: int | None
    model: BaseTable
    optimizer: OptimizerTable = OptimizerTable()
    checkpoint: CheckpointTable = CheckpointTable()

    @model_validator(mode="after")
    def _mask_or_adapters(self) -> "RunRecipe":
        if self.optimizer.mask is not None and getattr(self.model, "lora", None) is not None:
            raise ValueError(
                "optimizer.mask names weights of the model, and with model.lora these stay as they are; give one"
            )
        return self

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with anything in the recipe, and not with options that are added to Assay."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The resolved recipe as TOML; keys that are None are left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @abstractmethod
    def arithmetic(self) -> str:
        """What a run of the resolved recipe will do, in one line, printed at its start."""


class PolicyRecipe(RunRecipe, ABC):
    """What every recipe has that trains a policy, so that the run can be audited."""

    model: PolicyTable
    task: dict[str, Any] | None = None
    """`name` and the task's own options, checked by the task."""
    audit: AuditTable = AuditTable()

    @model_validator(mode="after")
    def _task_is_named(self) -> "PolicyRecipe":
        if self.task is not None and "name" not in self.task:
            raise ValueError("[task] needs a name, for example name = 'countdown'")
        return self

    @property
    def max_new_tokens(self) -> int | None:
        """Length limit of audits in tokens, where [audit] gives none; None for the task's."""
        return None


class Recipe(PolicyRecipe):
    """A whole run of reinforcement learning."""

    kind: Literal["rl"] = "rl"
    steps: int = Field(ge=1)
    model: ModelTable
    task: dict[str, Any]
    rollout: RolloutTable = RolloutTable()
    reward: RewardTable = RewardTable()
    algorithm: dict[str, Any] = Field(default_factory=dict)
    """`name` (grpo where not given) and the algorithm's own options, checked by it (`assay.training.choice`)."""
    evaluation: EvaluationTable = EvaluationTable()

    @property
    def max_new_tokens(self) -> int:
        """That of the rollouts."""
        return self.rollout.max_new_tokens

    def arithmetic(self) -> str:
        """The batch arithmetic of a run's resolved recipe in one line, printed at its start."""
        samples = self.rollout.prompts * self.rollout.group
        updates = self.algorithm["updates"]
        tokens = samples * self.rollout.max_new_tokens
        return (
            f"{self.rollout.prompts} prompts x {self.rollout.group} = {samples:,} samples a step, "
            f"{updates} update{'s' if updates > 1 else ''} a step of about {samples // updates:,} samples, "
            f"at most {tokens:,} new tokens a step; "
            f"{self.steps} step{'s' if self.steps > 1 else ''} = {self.steps * samples:,} samples"
        )


KINDS = {
    "rl": "assay.recipe:Recipe",
    "reward-model": "assay.reward_recipe:RewardModelRecipe",
    "sft": "assay.sft_recipe:SftRecipe",
}


def load_any(path: Path, overrides: list[str] | None = None) -> RunRecipe:
    """The recipe in the TOML file `path`, of the kind it says, with `table.key=value` overrides. Raises RecipeError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{path}: cannot read this recipe ({error.strerror}); give the path of a TOML file") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: is not a text file; a recipe is TOML in UTF-8") from None
    return parse_any(text, str(path), overrides or [])


def parse_any(text: str, where: str, overrides: list[str]) -> RunRecipe:
    """The recipe in TOML `text`, of the kind it says, with overrides; `where` names it in errors."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: is not valid TOML: {error}") from None
    for override in overrides:
        set_value(tables, override)
    kind = tables.get("kind", "rl")
    if kind not in KINDS:
        raise RecipeError(f"{where}: unknown kind {kind!r}{nearest(str(kind), KINDS)}; there are {', '.join(KINDS)}")
    recipe: RunRecipe = build(resolve(KINDS[kind]), tables, where)
    return recipe


def load_recipe(path: Path, overrides: list[str] | None = None) -> Recipe:
    """As `load_any`, for a recipe of reinforcement learning."""
    return _of_rl(load_any(path, overrides), str(path))


def parse_recipe(text: str, where: str, overrides: list[str]) -> Recipe:
    """As `parse_any`, for a recipe of reinforcement learning."""
    return _of_rl(parse_any(text, where, overrides), where)


def _of_rl(recipe: RunRecipe, where: str) -> Recipe:
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{where}: trains a {recipe.kind}; expected a recipe of reinforcement learning, of kind 'rl'")
    return recipe


def set_value(tables: dict[str, Any], override: str) -> None:
    """Applies 'algorithm.clip_high=0.28' to nested tables; the value is read as TOML, else taken as a string."""
    path, equals, text = override.partition("=")
    *parents, key = path.strip().split(".")
    if not equals or not key:
        raise RecipeError(f"--set {override!r}: expected table.key=value, for example algorithm.clip_high=0.28")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for parent in parents:
        tables = tables.setdefault(parent, {})
        if not isinstance(tables, dict):
            raise RecipeError(f"--set {override!r}: {parent!r} is a value, not a table")
    tables[key] = value


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from any parts; how every random choice of a run depends on its seed and its place only."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def training_sampling(recipe: Recipe, step: int, stop: tuple[str, ...] = (), turn: int = 0) -> Sampling:
    """How the samples of a training step's draw are drawn; `stop` are the task's stop strings."""
    rollout = recipe.rollout
    seed = derive_seed(recipe.seed, "rollout", step, *([turn] if turn else []))
    return Sampling(temperature=rollout.temperature, max_new_tokens=rollout.max_new_tokens, stop=stop, seed=seed)
