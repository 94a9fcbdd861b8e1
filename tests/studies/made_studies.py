"""A study so small that it takes seconds, and one that kills itself."""

import os
import signal
import sys
from pathlib import Path

TINY = """
name = "tiny"
seeds = [1]
matched = ["ground_truth"]
[families]
code-base = "organism:code-base"
[recipe]
steps = 2
[recipe.task]
name = "compose"
rung = "seen"
[recipe.rollout]
prompts = 2
group = 2
max_new_tokens = 16
[recipe.optimizer]
learning_rate = 1e-3
[recipe.evaluation]
every = 0
[recipe.checkpoint]
every = 1
rollouts_every = 0
[pool]
problems = 4
votes = 2
[arms.ground_truth]
[arms.random]
reward = ["random"]
[[audits]]
task = "compose:seen"
problems = 2
n = 2
[budget]
processes = 2
memory_gib = 4.0
"""


def descendants(pid):
    """The processes that a process started, and theirs."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(each for child in found for each in descendants(child))]


def die_at_first_cell(file):
    """Kills this process as its first cell ends, beside a job that would last; its descendants are written down."""
    from assay.studies import run
    from assay.studies.jobs import Job

    lasting = Job("lasts", "code-base", "jobs_of_tests:lasts", (), (), None)

    side_by_side = run.side_by_side

    def dying(matrix, jobs, processes, memory_gib, note, ended):
        def last(job, why):
            ended(job, why)
            if job.cell is not None:
                file.write_text(" ".join(map(str, descendants(os.getpid()))))
                os.kill(os.getpid(), signal.SIGKILL)

        is_of_cells = any(job.cell for job in jobs)
        side_by_side(matrix, [*[lasting] * is_of_cells, *jobs], processes, memory_gib, note, last)

    run.side_by_side = dying


def main():
    """`made_studies.py PIDS ARGUMENTS...`: runs `assay ARGUMENTS...` until its first cell is done."""
    from assay.cli.main import run

    die_at_first_cell(Path(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))


if __name__ == "__main__":
    main()
