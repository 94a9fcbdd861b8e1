"""Runs a study: the bases' votes and samples, then every run with its samples. Stopped at any time, it continues."""

from collections.abc import Callable, Sequence

from assay.files import Found, write_text
from assay.studies.jobs import Job, base_jobs, cell_jobs
from assay.studies.matrix import Matrix
from assay.studies.processes import side_by_side


def run_study(
    matrix: Matrix, processes: int, note: Callable[[str], None], advance: Callable[[int], None]
) -> dict[str, str]:
    """Does all that is not done; returns what failed, by name, with the sentence that says why.

    A run that fails is told in its `Matrix.failure` and the others go on; a later call tries it again. `note` is told
    of each job that ends, `advance` called with numbers of jobs.
    """
    failed: dict[str, str] = {}
    families: dict[str, str] = {}

    def ended(job: Job, why: str | None) -> None:
        advance(1)
        if why is not None:
            failed[job.name] = why
            if job.cell is None:
                families.setdefault(job.family, why)
            else:
                write_text(matrix.failure(job.cell), why + "\n")

    def run(jobs: Sequence[Job]) -> None:
        left = [job for job in jobs if not job.is_done(matrix)]
        advance(Found(len(jobs) - len(left)))
        for job in left:
            if job.cell is not None:
                matrix.failure(job.cell).unlink(missing_ok=True)
        possible = [job for job in left if job.family not in families]
        side_by_side(matrix, possible, processes, matrix.study.budget.memory_gib / processes, note, ended)
        for job in left:
            if job not in possible:
                ended(job, f"its base could not be sampled: {families[job.family]}")

    run(base_jobs(matrix))
    run(cell_jobs(matrix))
    return failed


def count_jobs(matrix: Matrix) -> int:
    """How many jobs `run_study` advances by."""
    return len(base_jobs(matrix)) + len(cell_jobs(matrix))
