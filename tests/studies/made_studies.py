"""A study so small that it takes seconds, and stand-ins for what is said at its end."""

import json
import sys
from types import ModuleType

TINY = """
name = "tiny"
seeds = [0, 1]
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


def write(matrix):
    """As the questions do; says how many runs it saw."""
    done = sum(matrix.is_done(cell) for cell in matrix.cells())
    document = {"verdicts": [{"question": "Need of truth", "verdict": "not shown", "sentence": f"Of {done} runs."}]}
    matrix.findings.write_text(json.dumps(document))
    return document


def stand_in():
    """Takes the place of the modules that write findings and report."""
    document, report = ModuleType("assay.studies.document"), ModuleType("assay.report.study")
    document.write, report.write = write, lambda document, path: path.write_text(str(document))
    return {each.__name__: each for each in (document, report)}


if __name__ == "__main__":
    sys.modules |= stand_in()
    from assay.cli.main import main

    main()
