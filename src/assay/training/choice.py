"""The algorithm that a recipe names: its options checked, alone and against the rest of the recipe and the task."""

from typing import Any

from assay.algorithms import ALGORITHMS
from assay.algorithms.base import Algorithm
from assay.config import build
from assay.errors import RecipeError
from assay.recipe import Recipe
from assay.registry import lookup
from assay.tasks import Task, judges_steps

DEFAULT = "grpo"


def make_algorithm(table: dict[str, Any], where: str = "recipe") -> Algorithm:
    """The algorithm of a recipe's table [algorithm]. Raises RecipeError for options that it does not have."""
    options = {"name": DEFAULT} | table
    name = str(options.pop("name"))
    kind = lookup("algorithm", name, ALGORITHMS)
    if not (isinstance(kind, type) and issubclass(kind, Algorithm)):
        raise RecipeError(f"{where}: algorithm {name!r} is no subclass of assay.algorithms.base.Algorithm")
    return build(kind, options, where, "algorithm.")


def resolved(recipe: Recipe, where: str = "recipe") -> Recipe:
    """The recipe with every option of its algorithm written out, so that it means the same later."""
    algorithm = make_algorithm(recipe.algorithm, where)
    options = {"name": recipe.algorithm.get("name", DEFAULT)} | algorithm.model_dump(mode="json", exclude_none=True)
    return recipe.model_copy(update={"algorithm": options})


def check_algorithm(algorithm: Algorithm, recipe: Recipe, task: Task) -> None:
    """Raises RecipeError where the algorithm cannot do its work with the rest of the recipe or with the task."""
    name, group = recipe.algorithm.get("name", DEFAULT), recipe.rollout.group
    samples = recipe.rollout.prompts * group
    if algorithm.updates > samples:
        raise RecipeError(
            f"algorithm.updates {algorithm.updates} is more than the {samples} samples of a step; lower it, or raise "
            "rollout.prompts"
        )
    if group < algorithm.least_group:
        raise RecipeError(
            f"algorithm {name} compares the samples of a prompt and needs {algorithm.least_group} or more, "
            f"rollout.group is {group}; raise it, or take ppo, reinforce or reinforce++"
        )
    if algorithm.refill and group < 2:
        raise RecipeError(
            "algorithm.refill replaces groups whose rewards are all the same, and groups of one sample always are: it "
            "would never fill; set rollout.group to 2 or more, or algorithm.refill = 0"
        )
    if algorithm.kl_target and algorithm.kl_horizon < samples:
        raise RecipeError(
            f"algorithm.kl_horizon {algorithm.kl_horizon} is less than the {samples} samples of a step, so the "
            "coefficient would jump, even below 0; give at least as many"
        )
    if algorithm.compares and recipe.model.reference == "none":
        raise RecipeError(
            f"algorithm.kl_coef is {algorithm.kl_coef} and model.reference is 'none': there is nothing to compare "
            "with; set model.reference = 'base' or to another model, or algorithm.kl_coef = 0 and no kl_measure"
        )
    if algorithm.needs_teacher != (recipe.model.teacher != "none"):
        raise RecipeError(
            f"algorithm {name} learns from a teacher and there is none; set model.teacher to a model of its tokenizer"
            if algorithm.needs_teacher
            else f"model.teacher is {recipe.model.teacher!r}, and algorithm {name} learns from none; leave it out, or "
            "take algorithm.name = 'distillation'"
        )
    if algorithm.reference_reset and recipe.model.lora is not None:
        raise RecipeError(
            "algorithm.reference_reset makes the policy the reference, and with adapters (model.lora) there is no "
            "plain model to put there; set reference_reset = 0"
        )
    if algorithm.needs_step_verdicts and not judges_steps(task):
        raise RecipeError(
            f"algorithm {name} rewards steps, and task {task.spec} judges none; take a task that does (compose, chain, "
            "countdown), or vineppo, which needs no verdict on steps"
        )
