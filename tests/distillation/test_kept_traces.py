"""What is kept of a teacher's samples: verified, distinct, at most so many a problem, whatever the file's order."""

import json
import random

import polars as pl
import pytest

from assay.distillation.traces import (
    is_judged,
    judge,
    read_rows,
    select,
    with_solutions,
    write_traces,
    yield_document,
)
from assay.errors import DataError
from assay.samples import write_samples
from assay.stats import mean_interval
from assay.tasks import make_task
from assay.tasks.compose import run_chain

TASK = make_task("compose:seen")
PROMPTS = TASK.prompts("train", 4)
NAMES = [prompt.problem for prompt in PROMPTS]


def row(place, member, response, verdict="right", **more):
    return {"problem": NAMES[place], "member": member, "response": response, "verdict": verdict, "judge": TASK.judge,
            "stop": "eos", "length_tokens": len(response.split()) + 1, **more}  # fmt: skip


ROWS = [
    # three solutions, one of them three times; without a solution, white space makes no difference
    row(0, 0, "x answer a a a a"), row(0, 1, "y answer a a a a"), row(0, 2, "x answer a a a a"),
    row(0, 3, "answer b b b b"), row(0, 4, "c  d"), row(0, 5, "c d\n"), row(0, 6, "e", "wrong"),
    # one right one, but cut off; one that could not be judged
    row(1, 0, "f", stop="length"), row(1, 1, "g", "unknown"), row(1, 2, "h", "wrong"),
    row(2, 0, "i", "wrong"), row(2, 1, "j", "wrong"),
    row(3, 0, "k"),
]  # fmt: skip


def chosen(tmp_path, rows=ROWS, **options):
    file = write_samples(tmp_path / "samples.parquet", pl.DataFrame(rows, infer_schema_length=None))
    found, prompts, other = read_rows(file, TASK, "train")
    assert other == 0 and is_judged(found, TASK, "train").all()
    return select(with_solutions(found, TASK, prompts), prompts, **options), found


def test_counts_by_hand(tmp_path):
    """Problem 0: 6 right of 7, three distinct; 1: a right one that was cut off; 2: none; 3: one of one."""
    traced, rows = chosen(tmp_path)
    found = yield_document(traced, rows, task=TASK.spec)
    numbers = {"sampled": 13, "right": 8, "unknown": 1, "truncated": 1, "accepted": 7, "duplicates": 3, "beyond": 0,
               "kept": 4, "problems": 4, "covered": 2}  # fmt: skip
    assert {name: found[name] for name in numbers} == numbers
    assert found["yield"]["estimate"] == pytest.approx(7 / 13)
    assert 0 <= found["yield"]["low"] < 7 / 13 < found["yield"]["high"] <= 1
    assert found["coverage"]["estimate"] == 0.5
    assert found["by_problem"][NAMES[0]] == {"sampled": 7, "accepted": 6, "distinct": 3, "kept": 3}
    assert found["by_problem"][NAMES[2]] == {"sampled": 2, "accepted": 0, "distinct": 0, "kept": 0}
    assert found["tokens_sampled"] == sum(each["length_tokens"] for each in ROWS)


def test_the_interval_is_over_problems(tmp_path):
    """Ten samples a problem, all or none right: as uncertain as two problems, not as twenty samples."""
    rows = [
        row(place, member, f"r {member}", "right" if place else "wrong") for place in (0, 1) for member in range(10)
    ]
    traced, frame = chosen(tmp_path, rows)
    found = yield_document(traced, frame)["yield"]
    expected = mean_interval(pl.Series([0.0, 1.0]).to_numpy(), trials=20)
    assert (found["estimate"], found["low"], found["high"]) == (expected.estimate, expected.low, expected.high)
    assert found["low"] < 0.1 and found["high"] > 0.9


def test_at_most_m_a_problem_by_the_seed_and_not_by_the_order(tmp_path):
    rows = [row(0, member, f"r {member} answer a b c {'abcdefgh'[member % 8]}") for member in range(40)]
    texts = {}
    for seed in range(6):
        (of,), _ = chosen(tmp_path, rows, per_problem=3, seed=seed)
        texts[seed] = [each["response"] for each in of.kept]
        assert len({each["solution"] for each in of.kept}) == 3 and of.beyond == 5 and of.duplicates == 32
        mixed = random.Random(seed).sample(rows, len(rows))
        (again,), _ = chosen(tmp_path, mixed, per_problem=3, seed=seed)
        assert again.kept == of.kept
    assert len(set(map(tuple, texts.values()))) > 3


def test_the_traces_are_rows_to_train_on(tmp_path):
    traced, _ = chosen(tmp_path)
    path = tmp_path / "traces.jsonl"
    assert write_traces(path, traced, TASK) == 4
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    text = {prompt.problem: prompt.text for prompt in PROMPTS}
    assert all(each["prompt"] == text[each["problem"]] and each["task"] == TASK.spec for each in rows)
    assert {each["completion"] for each in rows} >= {"answer b b b b", "k"}
    before = path.read_bytes()
    write_traces(path, traced, TASK)
    with pytest.raises(DataError, match="holds other traces, made of other samples or by other options"):
        write_traces(path, traced[:1], TASK)
    assert path.read_bytes() == before


def worked(prompt):
    """A right answer with its steps."""
    names, _, string = prompt.problem.removeprefix("compose ").partition(" : ")
    steps = run_chain(names.split(), string.split())
    written = [f"{name} {' '.join(letters)}" for name, letters in zip(names.split(), steps, strict=True)]
    return f"code {' ; '.join(written)} ; answer {' '.join(steps[-1])}"


def read(tmp_path, rows, name="s.parquet", task=TASK):
    return read_rows(write_samples(tmp_path / name, pl.DataFrame(rows, infer_schema_length=None)), task, "train")


def test_no_verdict_counts_but_that_of_the_tasks_own_judge(tmp_path):
    """Right: the answer at once, and the answer with its steps, whatever another program says of them.

    A verdict of ours is taken as it is, even where it is wrong; the reference solution that another program writes in
    every row is not.
    """
    prompt = PROMPTS[0]
    at_once, steps = f"prose answer {prompt.gold}", worked(prompt)
    assert TASK.verify(prompt, at_once).correct and TASK.verify(prompt, steps).correct
    given = [("right", None, "x"), ("wrong", "theirs", at_once), ("unknown", "theirs", steps), (None, None, at_once),
             (None, TASK.judge, "y"), ("fine", TASK.judge, "z"), ("right", TASK.judge, "w")]  # fmt: skip
    rows = [
        {"problem": prompt.problem, "response": text, "verdict": verdict, "judge": judge, "solution": "the one"}
        for verdict, judge, text in given
    ]
    found, prompts, _ = read(tmp_path, rows)
    known = is_judged(found, TASK, "train")
    assert known.to_list() == [False] * 6 + [True]
    judged = with_solutions(judge(found, known, TASK), TASK, prompts).sort("response")
    assert set(judged["judge"]) == {TASK.judge}
    verdicts = dict(zip(judged["response"], judged["verdict"], strict=True))
    assert verdicts == {"w": "right", "x": "wrong", "y": "wrong", "z": "wrong", at_once: "right", steps: "right"}
    (of,) = [each for each in select(judged, prompts) if each.sampled]
    assert (of.right, of.duplicates, len(of.kept)) == (4, 1, 3)
    assert {each["solution"] for each in of.kept} == {TASK.labels(prompt, t).solution for t in ("w", at_once, steps)}


def test_verdicts_by_other_golds_are_no_verdicts(tmp_path):
    """The same judge, but the rows that it went by have changed since."""
    (tmp_path / "rows.jsonl").write_text('{"prompt": "2 + 2", "answer": "4", "split": "train"}\n')
    task = make_task("jsonl:verifier=number", str(tmp_path / "rows.jsonl"))
    (prompt,) = task.prompts("train")
    row = {"problem": prompt.problem, "response": "4", "verdict": "wrong", "judge": task.judge}
    rows = [row | {"data_hash": each} for each in (task.data_hash("train"), "another", None)]
    found, _, _ = read(tmp_path, rows, task=task)
    assert is_judged(found, task, "train").to_list() == [True, False, False]


def test_problems_of_the_other_split_do_not_count(tmp_path):
    held_out = TASK.prompts("test", 1)[0].problem
    rows = [{"problem": problem, "response": "x", "correct": True} for problem in (NAMES[0], held_out)]
    found, prompts, other = read(tmp_path, rows)
    assert other == 1 and found.height == 1 and list(prompts) == NAMES[:1]
    assert not is_judged(found, TASK, "train").any(), "another program's word is no verdict"
    with pytest.raises(DataError, match="no problem is of the split 'train'"):
        read(tmp_path, rows[1:])


def test_samples_of_another_task_are_refused(tmp_path):
    """However a task is spelled; where no task is named, the problems alone decide."""

    def of(spec, task="compose:seen"):
        return read(tmp_path, [{"problem": NAMES[0], "response": "x", "task": spec}], task=make_task(task))

    for spec in ("compose:seen", "compose:rung=seen", "compose", None):
        assert of(spec)[0].height == 1
    with pytest.raises(DataError, match="are of compose:seen, not of compose:hard; give --task compose:seen,"):
        of("compose:seen", "compose:hard")
    for spec in ("countdown", "compose:ladder", "their own"):
        with pytest.raises(DataError, match=f"the samples are of {spec}, not of compose:seen"):
            of(spec)


def test_a_path_of_data_does_not_make_another_task(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "2 + 2", "answer": "4", "split": "train"}\n')
    task = make_task("jsonl:verifier=number", str(tmp_path / "rows.jsonl"))
    row = {"problem": task.prompts("train")[0].problem, "response": "4"}
    assert read(tmp_path, [row | {"task": "jsonl:data=elsewhere.jsonl:verifier=number"}], task=task)[0].height == 1
    with pytest.raises(DataError, match="the samples are of jsonl:verifier=text"):
        read(tmp_path, [row | {"task": "jsonl:verifier=text"}], task=task)


@pytest.mark.parametrize("name", ["s.jsonl", "s.parquet"])
def test_what_no_trace_can_be_made_of_is_refused(tmp_path, name):
    good = {"problem": NAMES[0], "response": "x", "length_tokens": 2.0}
    assert read(tmp_path, [good], name)[0]["length_tokens"].dtype == pl.Int64
    for wrong, message in (
        ({"response": [{"role": "assistant", "content": "x"}]}, "column 'response': expected text, got \\[{'role'"),
        ({"length_tokens": -5}, "row 1, column 'length_tokens': expected an integer, 0 or more, got -5"),
        ({"length_tokens": 0.5}, "row 1, column 'length_tokens': expected an integer, got 0.5"),
    ):
        with pytest.raises(DataError, match=message):
            read(tmp_path, [good | wrong], name)
