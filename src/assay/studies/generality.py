"""Does a gain hold in the other families, and on tasks that were not trained on?"""

from typing import Any

from assay.audits.bench import relation
from assay.studies.cells import Cells
from assay.studies.question import FEW_SEEDS, NOT_SHOWN, Draft, Question, answered
from assay.studies.rows import falls, has_few_seeds, rises, words

KEY, TITLE = "generality", "Does the gain hold in the other families, and on tasks not trained on?"
NEEDS = "an arm of the true reward, and two families or two audited tasks"
METHOD = "pass@1 minus the base's of the same family on the same task, over seeds and problems"
OVERTURN = "Other families or tasks, or more seeds and problems, on which the gain is there (or is not)."
EVERYWHERE, SOME, FIRST, NOWHERE = (
    "shown on every task",
    "shown on some tasks",
    "shown on the first task alone",
    "no gain is shown",
)


def ask(cells: Cells) -> Draft | None:
    """The question, where there is more than one family or task."""
    true, tasks = cells.true_arm, [audited.task for audited in cells.study.audits]
    if true is None or (len(cells.study.families) < 2 and len(tasks) < 2):
        return None
    families = {name: _family(cells, name, tasks) for name in cells.families}

    def answer() -> Question:
        for record in families.values():
            record["verdict"], record["sentence"] = _verdict(record["arms"][true], tasks, true)
        return answered(KEY, TITLE, families, list(cells.arms), OVERTURN, METHOD, cells, [true])

    return Draft([row for record in families.values() for row in record["arms"][true].values()], answer)


def _family(cells: Cells, family: str, tasks: list[str]) -> dict[str, Any]:
    tested = {task: cells.tested[task, family] for task in tasks}
    return {
        "tasks": {
            task: {
                "relation": relation(task, [cells.trained_on]),
                "base": float(each.base_M().mean()),
                "problems": each.problems,
                "n": each.inputs.n,
            }
            for task, each in tested.items()
        },
        "arms": {arm: {task: each.gains.get(arm) for task, each in tested.items()} for arm in cells.arms},
    }


def _verdict(gains: dict[str, Any], tasks: list[str], true: str) -> tuple[str, str]:
    if gains[tasks[0]] is None:
        return NOT_SHOWN, f"no run of {true} is done."
    seen = f"pass@1 changes under {true} by " + ", ".join(f"{words(gains[task])} on {task}" for task in tasks)
    if has_few_seeds(gains[tasks[0]]):
        return NOT_SHOWN, f"{seen}. {FEW_SEEDS}"
    lost = [task for task in tasks if falls(gains[task])]
    end = f" It loses on {', '.join(lost)}." if lost else ""
    gained = [task for task in tasks if rises(gains[task])]
    if not gained:
        return NOWHERE, f"{seen}.{end}"
    if len(tasks) == 1:
        return FIRST, f"{seen}; no other task was sampled."
    if len(gained) == len(tasks):
        return EVERYWHERE, f"{seen}."
    return (FIRST if gained == tasks[:1] else SOME), f"{seen}.{end}"
