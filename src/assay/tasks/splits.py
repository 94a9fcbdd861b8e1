"""Train and test splits of generated problems: decided by the problem itself, so they are disjoint for ever."""

import hashlib
from collections.abc import Callable
from random import Random

from assay.errors import RecipeError
from assay.tasks import Split
from assay.types import Prompt


def split_of(problem: str) -> Split:
    """'test' for about a tenth of all problems, by hash; no corpus, recipe or seed can move a problem."""
    return "test" if hashlib.sha256(problem.encode()).digest()[0] < 26 else "train"


def distinct_prompts(
    make: Callable[[Random], Prompt | None],
    keep: Callable[[Prompt], bool],
    split: Split,
    count: int,
    seed: int,
    spec: str,
) -> list[Prompt]:
    """`count` different prompts of `split` that pass `keep`; `make` may refuse a draw with None.

    Raises RecipeError where so many draws are refused or repeated that the request cannot be met.
    """
    rng = Random(f"{spec}/{split}/{seed}")
    found: dict[str, Prompt] = {}
    for _ in range(1000 + 2000 * count):
        if len(found) == count:
            return list(found.values())
        prompt = make(rng)
        if prompt is not None and prompt.split == split and prompt.problem not in found and keep(prompt):
            found[prompt.problem] = prompt
    raise RecipeError(
        f"task {spec}: found only {len(found)} different {split} problems of the {count} asked for; "
        "ask for fewer or loosen the task's options"
    )
