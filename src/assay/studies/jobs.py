"""What there is to do for a study, job by job, in order, and what of it is done."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.recipe import Recipe
from assay.studies.file import sampling_recipe
from assay.studies.matrix import Cell, Matrix
from assay.tasks import Split, Task, data_for, make_task, stop_of
from assay.types import Sampling


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sample file of a study: its place, and what is asked of the model."""

    file: Path
    task: Task
    problems: int
    n: int
    sampling: Sampling
    split: Split = "test"

    @property
    def asked(self) -> dict[str, Any]:
        """As keyword arguments of `sample_to_file` and `check_file`."""
        return {
            "out": self.file, "task": self.task, "problems": self.problems, "n": self.n, "sampling": self.sampling,
            "split": self.split,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """Work for one process: `target`, "module:function", is called with the study's matrix and `arguments`."""

    name: str
    family: str
    target: str
    arguments: tuple[Any, ...]
    files: tuple[Path, ...]
    cell: Cell | None = None

    def is_done(self, matrix: Matrix) -> bool:
        """Whether all that it makes is there."""
        return matrix.is_done(self.cell) if self.cell else all(file.is_file() for file in self.files)


def base_jobs(matrix: Matrix) -> list[Job]:
    """Votes of every family's base, and its samples on every audit: before any run."""
    jobs = []
    for family in matrix.study.families:
        files = [matrix.votes(family), *(matrix.samples(each.task, family) for each in matrix.study.audits)]
        names = ["votes", *(each.task for each in matrix.study.audits)]
        for at, (name, file) in enumerate(zip(names, files, strict=True)):
            jobs.append(Job(f"{family}, base: {name}", family, "assay.studies.work:base", (family, at), (file,)))
    return jobs


def cell_jobs(matrix: Matrix) -> list[Job]:
    """Every run, with its samples."""
    target = "assay.studies.work:cell"
    return [Job(str(cell), cell.family, target, (cell,), tuple(matrix.files_of(cell)), cell) for cell in matrix.cells()]


def base_samples(matrix: Matrix, family: str) -> list[Sampled]:
    """The sample files of a family's base: its votes, then a file an audit."""
    study = matrix.study
    recipe = sampling_recipe(study, family, str(matrix.file))
    task = make_task(recipe.task, study.data)
    votes = _sampling(recipe, task)
    pool = Sampled(matrix.votes(family), task, study.pool.problems, study.pool.votes, votes, "train")
    return [pool, *audit_samples(matrix, family)]


def audit_samples(matrix: Matrix, family: str, cell: Cell | None = None) -> list[Sampled]:
    """A file an audit, of a run or of the family's base."""
    study = matrix.study
    recipe = sampling_recipe(study, family, str(matrix.file))
    found = []
    for each in study.audits:
        task = make_task(each.task, data_for(each.task, recipe.task["name"], study.data))
        file = matrix.samples(each.task, family, cell)
        found.append(Sampled(file, task, each.problems, each.n, _sampling(recipe, task)))
    return found


def _sampling(recipe: Recipe, task: Task) -> Sampling:
    return Sampling(max_new_tokens=recipe.max_new_tokens, stop=stop_of(task))
