import subprocess
import sys

import polars as pl
import pytest

from assay.errors import DataError, RecipeError
from assay.rollout.regrade import regrade, tasks_of
from assay.tasks import make_task
from tiny_task import TinyTask

ROWS = pl.DataFrame(
    {
        "problem": ["p0", "p0", "p1", "p2", "p2", "p3"],
        "member": [0, 1, 0, 0, 1, 0],
        "response": ["w6 w5", "w9", "w14", "what", "w8", "w10"],
        "correct": [True, True, True, None, False, True],
        "temperature": [0.6] * 6,
        "mine": ["a", "b", "c", "d", "e", None],
    }
)
"""By TinyTask: right, wrong, unknown (14 is twice 7), wrong, right, right."""


def test_every_kind_of_change():
    result = regrade(ROWS, {None: TinyTask()})
    assert result.rows["correct"].to_list() == [True, False, None, False, True, True]
    assert result.rows["verdict"].to_list() == ["right", "wrong", "unknown", "wrong", "right", "right"]
    assert result.rows["reason"].to_list() == [None, "odd", "seven", "no answer", None, None]
    assert result.rows["answer"].to_list() == ["6", "9", None, None, "8", "10"]
    assert result.rows["judge"].unique().to_list() == ["tiny.exact@1"]
    assert result.transitions == {
        ("right", "right"): 2,
        ("right", "unknown"): 1,
        ("right", "wrong"): 1,
        ("unknown", "wrong"): 1,
        ("wrong", "right"): 1,
    }
    assert (result.compared, result.agreement, result.count("right")) == (6, 2 / 6, 3)
    assert result.changes.rows() == [
        ("p0", 1, "right", "wrong", "odd", "9", "tiny.exact@1", "w9"),
        ("p1", 0, "right", "unknown", "seven", None, "tiny.exact@1", "w14"),
        ("p2", 0, "unknown", "wrong", "no answer", None, "tiny.exact@1", "what"),
        ("p2", 1, "wrong", "right", None, "8", "tiny.exact@1", "w8"),
    ]


def test_other_columns_stay_and_what_audits_use_is_added():
    result = regrade(ROWS, {None: TinyTask()}).rows
    kept = ["problem", "member", "response", "temperature", "mine"]
    assert result.select(kept).equals(ROWS.select(kept))
    assert result["task"].unique().to_list() == ["tiny"]
    assert result["guess_probability"].unique().to_list() == [0.25]
    own = ROWS.with_columns(task=pl.lit("tiny:mine"), guess_probability=pl.lit(0.5))
    again = regrade(own, {None: TinyTask()}).rows
    assert again.select("task", "guess_probability").equals(own.select("task", "guess_probability"))


def test_the_hash_of_the_data_becomes_that_of_the_golds_used():
    task = TinyTask()
    assert regrade(ROWS.with_columns(data_hash=pl.lit("old")), {None: task}).rows["data_hash"].unique().to_list() == [
        None
    ]
    task.data_hash = lambda split: f"hash of {split}"
    (found,) = regrade(ROWS.with_columns(data_hash=pl.lit("old")), {None: task}).rows["data_hash"].unique()
    assert found == f"hash of {task.prompts('test')[0].split}"


def test_a_file_without_grades_has_nothing_to_compare():
    result = regrade(ROWS.drop("correct"), {None: TinyTask()})
    assert result.transitions == {(None, "right"): 3, (None, "unknown"): 1, (None, "wrong"): 2}
    assert (result.agreement, result.compared, result.changes.height) == (None, 0, 0)


def test_ones_and_zeros_are_grades():
    result = regrade(ROWS.with_columns(correct=pl.Series([1, 1, 1, 0, 0, 1])), {None: TinyTask()})
    assert (result.compared, result.changes.height) == (6, 3)


def test_problems_that_the_task_does_not_have_are_counted_and_named():
    with pytest.raises(DataError, match="3 of 4 problems are not of task tiny: 'p1'; 'p2'; 'p3'; give the task"):
        regrade(ROWS, {None: TinyTask(size=1)})


def test_each_row_is_graded_by_its_own_task():
    """The floor of a compose problem does not depend on the rung, but the task says who grades."""
    compose, countdown = (make_task(spec) for spec in ("compose:seen", "countdown"))
    prompts = [compose.prompts("test", 1)[0], countdown.prompts("test", 1)[0]]
    rows = pl.DataFrame(
        {
            "problem": [prompt.problem for prompt in prompts],
            "response": [f"prose answer {prompts[0].gold}", "nothing"],
            "task": [compose.spec, countdown.spec],
        }
    )
    tasks = tasks_of(rows, None, None)
    assert list(tasks) == [compose.spec, countdown.spec]
    result = regrade(rows, tasks).rows
    assert result["judge"].to_list() == [compose.judge, countdown.judge]
    assert result["correct"].to_list() == [True, False]


@pytest.mark.parametrize(
    "rows", [ROWS, ROWS.with_columns(task=pl.lit(None, pl.String)), ROWS.with_columns(task=pl.lit(""))]
)
def test_a_file_that_does_not_name_its_task_needs_one(rows):
    with pytest.raises(RecipeError, match="give --task"):
        tasks_of(rows, None, None)


def test_grading_needs_no_torch():
    code = "import sys, assay.cli.score; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
