"""The runs of a study as arrays: reads every run that is done, and knows which are not.

Sample files are read as an audit reads them, so that what an audit refuses is refused here. Shape legend: S seeds that
are done, M problems, in one order for all models of a family on a task.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from assay.audits.inputs import Inputs, Model, read_inputs
from assay.errors import DataError
from assay.rewards import NOT, terms
from assay.stats import Floats
from assay.store import Run
from assay.studies.file import Study, flat, recipe_of
from assay.studies.matrix import Cell, Matrix
from assay.studies.rows import Row, moved
from assay.tasks import format_spec

BASE = "base"
TRUE = ("ground_truth", "verifier")
WITHOUT_TRUTH = ("random", "format", "none", "incorrect", "strategy")
"""Kinds of rewards that never depend on whether a response is right; a majority's labels do, by what the base knows."""
METRICS = ("rewards/true/mean", "clip_ratio/low_mean", "clip_ratio/high_mean", "kl", "entropy")
LABELS = "label_accuracy"
LEAST_PROBLEMS = 2


@dataclass(frozen=True, slots=True)
class Arm:
    """What an arm is by its recipe: kinds of its reward's terms (`random`, `not strategy`), its algorithm's options."""

    name: str
    kinds: frozenset[str]
    algorithm: Mapping[str, Any]
    changed: tuple[str, ...]
    """What it sets otherwise than the study's recipe, as it is written."""
    settings: Mapping[tuple[str, ...], Any]
    """Every key of its recipe but for those that each run has of its own, by its path."""

    @property
    def is_true(self) -> bool:
        """Whether it is trained on nothing but the task's verdict."""
        return bool(self.kinds) and self.kinds <= set(TRUE)

    @property
    def is_without_truth(self) -> bool:
        """Whether its reward knows nothing of what is right."""
        return {kind.removeprefix(NOT) for kind in self.kinds} <= set(WITHOUT_TRUTH)

    @property
    def updates(self) -> int:
        """Updates for each batch of samples."""
        return int(self.algorithm.get("updates", 1))

    @property
    def clips(self) -> bool:
        """Whether its ratios have bounds."""
        return bool(self.algorithm.get("clip", True))

    def differs_from(self, other: "Arm", *free: str) -> bool:
        """Whether anything but the rewards and these keys (`algorithm.updates`) is set otherwise."""
        left, right = (
            {key: value for key, value in arm.settings.items() if key[0] != "reward" and ".".join(key) not in free}
            for arm in (self, other)
        )
        return left != right

    @property
    def algorithm_name(self) -> str:
        """The algorithm's name."""
        return str(self.algorithm.get("name", "grpo"))


@dataclass(frozen=True, eq=False)
class Tested:
    """A family's base and the trained models of it that are done, on one task."""

    task: str
    family: str
    inputs: Inputs
    models: Mapping[Cell, Model]

    @property
    def base(self) -> Model:
        """The base's samples."""
        return self.inputs.base

    @property
    def problems(self) -> int:
        """M."""
        return len(self.inputs.problems)

    @property
    def K(self) -> int:
        """The large k of a boundary verdict."""
        return max(1, self.inputs.n // 2)

    def of_arm(self, arm: str) -> list[Model]:
        """Its models, in the order of the study's seeds."""
        return [model for cell, model in self.models.items() if cell.arm == arm]

    def values(self, arm: str, of: Callable[[Model], Floats | None]) -> Floats | None:
        """What `of` makes of every model of an arm, float64 [S, M]; None where it makes nothing of any."""
        found = [values_M for values_M in map(of, self.of_arm(arm)) if values_M is not None]
        return np.stack(found) if found else None

    def pass_SM(self, arm: str, k: int = 1) -> Floats | None:
        """pass@k of the arm's models."""
        return self.values(arm, lambda model: model.answers.pass_at_k(k))

    def base_M(self, k: int = 1) -> Floats:
        """pass@k of the base."""
        return self.base.answers.pass_at_k(k)

    def gain_SM(self, arm: str, k: int = 1) -> Floats | None:
        """pass@k of the arm's models minus the base's."""
        pass_SM = self.pass_SM(arm, k)
        return None if pass_SM is None else pass_SM - self.base_M(k)

    @cached_property
    def gains(self) -> dict[str, Row]:
        """Arm -> its gain in pass@1: one test of the study, however many questions read it."""
        rows = {cell.arm: moved(self.gain_SM(cell.arm)) for cell in self.models}
        return {arm: row for arm, row in rows.items() if row is not None}


@dataclass(frozen=True, eq=False)
class Cells:
    """Everything that the questions read."""

    matrix: Matrix
    arms: Mapping[str, Arm]
    done: tuple[Cell, ...]
    failed: Mapping[Cell, str]
    """Why a run could not be made."""
    waiting: tuple[Cell, ...]
    """Not run yet, or not to its end."""

    @property
    def study(self) -> Study:
        """The study."""
        return self.matrix.study

    @property
    def main(self) -> str:
        """The task that questions are about."""
        return self.study.audits[0].task

    @property
    def trained_on(self) -> str:
        """Spec of the task that the study's recipe trains on."""
        table = dict(self.study.recipe["task"])
        return format_spec(table.pop("name"), table)

    @property
    def true_arm(self) -> str | None:
        """The arm trained on the true reward; of several, the first that changes nothing else."""
        found = sorted((arm for arm in self.arms.values() if arm.is_true), key=lambda arm: len(arm.changed))
        return found[0].name if found else None

    @property
    def families(self) -> list[str]:
        """The families of which some run is done."""
        return [family for family in self.study.families if any(cell.family == family for cell in self.done)]

    def on(self, task: str) -> dict[str, Tested]:
        """Family -> its models on a task."""
        return {family: self.tested[task, family] for family in self.families}

    def missing(self, family: str, arms: Iterable[str]) -> list[Cell]:
        """Runs of these arms that are not done."""
        return [cell for arm in arms for cell in self.matrix.cells(family, arm) if cell not in self.done]

    @cached_property
    def tested(self) -> dict[tuple[str, str], Tested]:
        """(task, family) -> its models."""
        return {
            (audited.task, family): self._read(audited.task, family)
            for audited in self.study.audits
            for family in self.families
        }

    @cached_property
    def matched(self) -> dict[str, tuple[Tested, Tested]]:
        """Family -> its models of the arms in `matched`, sampled as all are, and at their matched temperatures."""
        return {family: self._read_matched(family) for family in self.families if self._matched(family)}

    def _matched(self, family: str) -> list[Cell]:
        return [cell for cell in self.done if cell.family == family and cell.arm in self.study.matched]

    def _read(self, task: str, family: str) -> Tested:
        cells = [cell for cell in self.done if cell.family == family]
        paths = [self.matrix.samples(task, family), *(self.matrix.samples(task, family, cell) for cell in cells)]
        inputs = _read(paths, [BASE, *map(label, cells)])
        return Tested(task, family, inputs, dict(zip(cells, inputs.tuned, strict=True)))

    def _read_matched(self, family: str) -> tuple[Tested, Tested]:
        cells, base = self._matched(family), self.matrix.samples(self.main, family)
        pairs = [(cell, matched) for matched in (False, True) for cell in cells]
        paths = [base, *(self.matrix.samples(self.main, family, *pair) for pair in pairs)]
        labels = [BASE, *(f"{label(cell)}{' matched' * matched}" for cell, matched in pairs)]
        inputs = _read(paths, labels, allow_different_sampling=True)
        others = [name for name in inputs.settings["different_sampling"] if name != "temperature"]
        if others:
            raise DataError(
                f"{base}: the samples of {family} at matched temperatures differ from it in {', '.join(others)}, and "
                "only the temperature may differ; remove them and run the study again"
            )
        models = dict(zip(pairs, inputs.tuned, strict=True))
        before, after = ({cell: models[cell, matched] for cell in cells} for matched in (False, True))
        return Tested(self.main, family, inputs, before), Tested(self.main, family, inputs, after)

    @cached_property
    def metrics(self) -> dict[Cell, dict[str, float | None]]:
        """Means over the steps of each run; None where nothing was logged."""
        return {cell: _metrics(Run(self.matrix.run(cell)).read_metrics()) for cell in self.done}

    def metric_S(self, family: str, arm: str, name: str) -> Floats:
        """A metric of an arm's runs, of those that logged it, float64 [S]."""
        found = [self.metrics[cell][name] for cell in self.done if (cell.family, cell.arm) == (family, arm)]
        return np.array([value for value in found if value is not None], dtype=np.float64)


def _read(paths: Sequence[Path], labels: Sequence[str], allow_different_sampling: bool = False) -> Inputs:
    inputs = read_inputs(paths, labels, phrases={}, allow_different_sampling=allow_different_sampling)
    if len(inputs.problems) < LEAST_PROBLEMS:
        raise DataError(
            f"{paths[0]}: only one problem has a judged answer of every model; an interval over problems needs "
            f"{LEAST_PROBLEMS} or more; grade the files with assay score, or ask for more problems"
        )
    return inputs


def label(cell: Cell) -> str:
    """What a run is called among those of its family."""
    return f"{cell.arm}-{cell.seed}"


def read_cells(matrix: Matrix) -> Cells:
    """What is there of a study. Raises DataError where the samples of a finished run cannot be compared."""
    done, failed, waiting = [], {}, []
    for cell in matrix.cells():
        has_base = all(matrix.samples(audited.task, cell.family).is_file() for audited in matrix.study.audits)
        if has_base and matrix.is_done(cell):
            done.append(cell)
        elif matrix.failure(cell).is_file():
            failed[cell] = matrix.failure(cell).read_text("utf-8").strip()
        else:
            waiting.append(cell)
    return Cells(
        matrix, {name: arm_of(matrix.study, name) for name in matrix.study.arms}, tuple(done), failed, tuple(waiting)
    )


def arm_of(study: Study, name: str) -> Arm:
    """What an arm is, by its recipe: never by its name."""
    family = next(iter(study.families))
    recipe = recipe_of(study, family, name, study.seeds[0], Path("votes.parquet"), "study")
    weights = recipe.reward.weights or (1.0,) * len(recipe.reward.functions)
    trained = [each for each, weight in zip(recipe.reward.functions, weights, strict=True) if weight]
    kinds = {term.partition(":")[0] for each in trained for term in terms(each)}
    settings = flat(recipe.model_dump(mode="json", exclude={"name", "seed"}))
    return Arm(name, frozenset(kinds), recipe.algorithm, study.arms[name].set, settings)


def _metrics(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    found = {name: _mean(row.get(name) for row in rows) for name in METRICS}
    labels = sorted({key for row in rows for key in row if key.endswith(f"/{LABELS}")})
    return found | {LABELS: _mean(row.get(key) for row in rows for key in labels)}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
