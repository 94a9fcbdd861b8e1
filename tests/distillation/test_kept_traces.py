"""What is kept of a teacher's samples: verified, distinct, at most so many a problem, whatever the file's order."""

import json
import random

import polars as pl
import pytest

from assay.distillation.traces import is_graded, labelled, read_rows, select, write_traces, yield_document
from assay.errors import DataError
from assay.samples import write_samples
from assay.stats import mean_interval
from assay.tasks import make_task
from assay.tasks.compose import run_chain

TASK = make_task("compose:seen")
PROMPTS = TASK.prompts("train", 4)
NAMES = [prompt.problem for prompt in PROMPTS]


def row(place, member, response, verdict="right", solution=None, **more):
    return {"problem": NAMES[place], "member": member, "response": response, "verdict": verdict,
            "solution": solution, "stop": "eos", "length_tokens": len(response.split()) + 1, **more}  # fmt: skip


ROWS = [
    # three solutions, one of them three times; without a solution, white space makes no difference
    row(0, 0, "a 1", solution="s1"), row(0, 1, "a 2", solution="s1"), row(0, 2, "a 1", solution="s1"),
    row(0, 3, "b", solution="s2"), row(0, 4, "c  d"), row(0, 5, "c d\n"), row(0, 6, "e", "wrong"),
    # one right one, but cut off; one that could not be judged
    row(1, 0, "f", stop="length"), row(1, 1, "g", "unknown"), row(1, 2, "h", "wrong"),
    row(2, 0, "i", "wrong"), row(2, 1, "j", "wrong"),
    row(3, 0, "k"),
]  # fmt: skip


def chosen(tmp_path, rows=ROWS, **options):
    file = write_samples(tmp_path / "samples.parquet", pl.DataFrame(rows, infer_schema_length=None))
    found, prompts, other = read_rows(file, TASK, "train")
    assert other == 0 and is_graded(found)
    return select(labelled(file, found, TASK, prompts), prompts, **options), found


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
    rows = [row(0, member, f"r {member}", solution=f"s{member % 8}") for member in range(40)]
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
    assert {each["completion"] for each in rows} >= {"b", "k"}
    before = path.read_bytes()
    write_traces(path, traced, TASK)
    with pytest.raises(DataError, match="holds other traces, made of other samples or by other options"):
        write_traces(path, traced[:1], TASK)
    assert path.read_bytes() == before


def test_files_of_other_programs(tmp_path):
    """Graded by `correct`; solutions are read off by the task; problems of the other split do not count."""
    prompt = PROMPTS[0]
    names, _, string = prompt.problem.removeprefix("compose ").partition(" : ")
    steps = run_chain(names.split(), string.split())
    written = [f"{name} {' '.join(letters)}" for name, letters in zip(names.split(), steps, strict=True)]
    answer = f"code {' ; '.join(written)} ; answer {' '.join(steps[-1])}"
    assert TASK.verify(prompt, answer).correct
    held_out = TASK.prompts("test", 1)[0]
    rows = [{"problem": prompt.problem, "response": answer, "correct": True},
            {"problem": prompt.problem, "response": "x", "correct": None},
            {"problem": held_out.problem, "response": "y", "correct": True}]  # fmt: skip
    path = write_samples(tmp_path / "s.jsonl", rows)
    found, prompts, other = read_rows(path, TASK, "train")
    graded = labelled(path, found, TASK, prompts)
    assert other == 1 and graded["verdict"].to_list() == ["right", "unknown"]
    assert graded["solution"][0] == TASK.labels(prompt, answer).solution is not None
    assert not is_graded(pl.DataFrame({"problem": ["a"], "response": ["b"], "correct": [None]}))
    with pytest.raises(DataError, match="no problem is of the split 'train'"):
        read_rows(write_samples(tmp_path / "t.jsonl", rows[2:]), TASK, "train")
    with pytest.raises(DataError, match="'fine'; expected right, wrong or unknown"):
        labelled(path, found.with_columns(verdict=pl.lit("fine")), TASK, prompts)
    with pytest.raises(DataError, match="column 'correct': expected true, false or null"):
        labelled(path, found.with_columns(correct=pl.lit(1)), TASK, prompts)
