"""The benchmarks on rows written here, on a hub that is not there, and on the real sets where ASSAY_DATA has them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError
from assay.grading.sandbox import why_not
from assay.registry import lookup
from assay.tasks import TASKS, data_hash_of, make_task, rows, verify_all
from assay.types import Verdict

NAMES = ["svamp", "math", "math500", "minerva", "aime24", "aime25", "amc23", "olympiadbench"]
CHECKED = 8
"""Problems of each real set whose checks are run here; `assay tasks check NAME` runs all."""


@pytest.fixture(autouse=True)
def _no_local_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_DATA", raising=False)


def write(path: Path, values: Sequence[Mapping[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "row", "question", "gold"),
    [
        ("math", {"problem": "A", "solution": r"\boxed{1} or \boxed{\frac{1}{2}}"}, "A", r"\frac{1}{2}"),
        ("math", {"problem": "A", "solution": r"\boxed{1}", "answer": " 2 "}, "A", "2"),
        ("math500", {"problem": "A", "answer": r"\left( 3, \pi \right)"}, "A", r"\left( 3, \pi \right)"),
        ("minerva", {"problem": "A", "solution": r"so \boxed{4.5e33} erg"}, "A", "4.5e33"),
        ("minerva", {"question": "A", "answer": "4.5e33"}, "A", "4.5e33"),
        ("aime24", {"problem": "A", "answer": "073"}, "A", "73"),
        ("aime24", {"problem": "A", "solution": r"\boxed{073}."}, "A", "73"),
        ("aime25", {"problem": "A", "answer": 70}, "A", "70"),
        ("amc23", {"problem": "A", "answer": 27.0}, "A", "27"),
        ("amc23", {"question": "A", "answer": "27.0"}, "A", "27"),
        ("olympiadbench", {"question": "A", "final_answer": ["2"], "context": None}, "A", "2"),
        ("olympiadbench", {"question": "A", "final_answer": ["$69$,$84$"], "context": "B"}, "B\n\nA", "69,84"),
        ("olympiadbench", {"question": "A", "final_answer": ["$1$", "$(0,1]$."]}, "A", "1, (0,1]"),
        ("olympiadbench", {"question": "A", "final_answer": ["$t(0,4]$"]}, "A", "(0,4]"),
        ("svamp", {"Body": "Tom has 3 ", "Question": "How many?", "Answer": 3.0}, "Tom has 3. How many?", "3"),
        ("svamp", {"Body": "Tom has 3.", "Question": "How many?", "Answer": "2.5"}, "Tom has 3. How many?", "2.5"),
        ("svamp", {"question": "How many?", "answer": "#### 3"}, "How many?", "3"),
    ],
)  # fmt: skip
def test_rows_in_their_usual_layouts(tmp_path: Path, name: str, row: dict, question: str, gold: str) -> None:
    task = make_task(f"{name}:prompt=none", data=write(tmp_path / "test.jsonl", [row]))
    (prompt,) = task.prompts("test")
    assert (prompt.text, prompt.gold, prompt.columns) == (question, gold, row)
    assert prompt.problem.startswith(f"{name}/")
    assert task.prompt_of(question) is prompt


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("math", {"answer": "1"}, "line 2: there is no column 'problem'; expected the text of a problem"),
        ("math", {"problem": "A"}, "there is no column 'answer'; expected a gold answer, or a column 'solution' with"),
        ("math", {"problem": "A", "solution": "so 5"}, r"column 'solution' holds no \boxed{}; expected the answer"),
        ("math500", {"problem": "A", "answer": None}, "line 2: column 'answer' is empty; expected a gold answer"),
        ("math500", {"problem": "A", "answer": [1]}, "the gold answer is [1]; expected text or a number"),
        ("math500", {"problem": ["A"], "answer": "1"}, "column 'problem' holds list ['A']; expected the text"),
        ("aime24", {"problem": "A", "answer": "2.5"}, "the gold answer is '2.5'; expected a whole number"),
        ("aime24", {"Problem": "A", "answer": "2"}, "there is no column 'problem', did you mean 'Problem'?"),
        ("amc23", {"problem": "A", "answer": True}, "the gold answer is True; expected a whole number"),
        ("olympiadbench", {"question": "A", "final_answer": "2"}, "'final_answer' holds '2'; expected a list of"),
        ("olympiadbench", {"question": "A", "final_answer": ["2"], "error": "some"}, "column 'error' holds 'some'"),
        ("svamp", {"Body": "A.", "Answer": 1}, "there is no column 'Question'"),
        ("svamp", {"Body": "A.", "Question": "B?", "Answer": "many"}, "'Answer' holds 'many'; expected a number"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, name: str, row: dict, said: str) -> None:
    good = {"problem": "G", "question": "G", "answer": "1", "final_answer": ["1"]}
    with pytest.raises(DataError) as caught:
        make_task(name, data=write(tmp_path / "test.jsonl", [good, row]))
    assert said in str(caught.value)
    assert "test.jsonl, line 2" in str(caught.value)


HUB = {
    "svamp": {"train": ("ChilleD/SVAMP", "train"), "test": ("ChilleD/SVAMP", "test")},
    "math": {
        "train": ("DigitalLearningGmbH/MATH-lighteval", "default", "train"),
        "test": ("DigitalLearningGmbH/MATH-lighteval", "default", "test"),
    },
    "math500": {"test": ("HuggingFaceH4/MATH-500", "test")},
    "minerva": {"test": ("math-ai/minervamath", "test")},
    "aime24": {"test": ("HuggingFaceH4/aime_2024", "train")},
    "aime25": {"test": ("math-ai/aime25", "test")},
    "amc23": {"test": ("math-ai/amc23", "test")},
    "olympiadbench": {"test": ("Hothan/OlympiadBench", "OE_TO_maths_en_COMP", "train")},
}


@pytest.mark.parametrize("name", NAMES)
def test_without_a_local_copy_rows_come_from_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(*where: str, split: str) -> list[dict]:
        asked.append((*where, split))
        return [{"question": f"{where} {split}?", "answer": "5", "final_answer": ["5"]}]

    monkeypatch.setattr(rows, "resolve", lambda target: load_dataset)
    task = make_task(name)
    assert sorted(asked) == sorted(HUB[name].values())
    assert {split: task.size(split) for split in ("train", "test")} == {
        split: int(split in HUB[name]) for split in ("train", "test")
    }
    about = lookup("task", name, TASKS).about
    assert about.source == HUB[name]["test"][0]
    assert set(about.rows) == set(HUB[name])


def test_a_set_of_test_problems_has_no_train_rows_whatever_its_files_are_called(tmp_path: Path) -> None:
    path = write(tmp_path / "train-00000-of-00001.jsonl", [{"problem": f"{n}", "answer": n} for n in range(20)])
    for data in (path, str(tmp_path)):
        task = make_task("aime25", data=data)
        assert (task.size("train"), task.size("test")) == (0, 20)


def test_a_repeated_question_is_kept_once_and_never_trained_on_where_it_is_tested(tmp_path: Path) -> None:
    again = {"problem": "A", "answer": "1"}
    write(tmp_path / "train.jsonl", [again, {"problem": "B", "answer": "2"}, {"problem": " B ", "answer": "2"}])
    write(tmp_path / "test.jsonl", [again, {"problem": "C", "answer": "3"}])
    task = make_task("math", data=str(tmp_path))
    assert [prompt.columns["problem"] for prompt in task.prompts("train")] == ["B"]
    assert [prompt.columns["problem"] for prompt in task.prompts("test")] == ["A", "C"]


def test_a_question_with_two_golds_is_an_error(tmp_path: Path) -> None:
    values = [{"problem": "A", "answer": "1"}, {"problem": "A", "answer": "2"}]
    with pytest.raises(DataError, match=r"line 2 poses the same problem as .*line 1"):
        make_task("math500", data=write(tmp_path / "test.jsonl", values))


def test_the_hash_of_the_data_is_that_of_problems_and_golds(tmp_path: Path) -> None:
    """Neither order, path, wording nor other columns change it; another gold does."""
    values = [{"problem": f"{n}", "answer": n} for n in range(5)]
    one = make_task("amc23", data=write(tmp_path / "a.jsonl", values))
    turned = [{"question": row["problem"], "answer": float(row["answer"]), "id": 9} for row in values[::-1]]
    other = make_task("amc23:prompt=r1", data=write(tmp_path / "b.jsonl", turned))
    assert data_hash_of(one, "test") == data_hash_of(other, "test")
    changed = make_task("amc23", data=write(tmp_path / "c.jsonl", [*values[:4], {"problem": "4", "answer": 5}]))
    assert data_hash_of(changed, "test") != data_hash_of(one, "test")
    assert data_hash_of(make_task("compose:edge"), "test") is None


def test_what_the_verifier_is_told(tmp_path: Path) -> None:
    row = {"question": "Which per cent?", "problem": "Which per cent?", "answer": "4.2", "final_answer": ["4.2"]}
    data = write(tmp_path / "test.jsonl", [{**row, "error": "1e-1"}])
    task = make_task("olympiadbench:read=boxed", data=data)
    rules = task.rules(task.prompts("test")[0])
    assert (rules.question, rules.tolerance, rules.boxed_only, rules.physics) == (
        "Which per cent?",
        "1e-1",
        True,
        False,
    )
    assert task.judge == rules.judge == "math.boxed@1"
    minerva = make_task("minerva", data=data)
    rules = minerva.rules(minerva.prompts("test")[0])
    assert (rules.tolerance, rules.boxed_only, rules.physics, rules.judge) == (None, False, True, "math@1")


def test_only_the_aime_can_be_guessed_by_its_format(tmp_path: Path) -> None:
    data = write(tmp_path / "test.jsonl", [{"question": "A", "answer": "1", "final_answer": ["1"]}])
    for name in NAMES:
        task = make_task(name, data=data)
        assert task.guess_probability(task.prompts("test")[0]) == (0.001 if name.startswith("aime") else None)


def local_benchmarks() -> list[str]:
    return [name for name in TASKS if lookup("task", name, TASKS).about.folder]


@pytest.mark.parametrize("name", local_benchmarks())
def test_the_real_set_loads_and_validates_itself(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented number of rows; golds right and near-misses wrong on problems spread over the set."""
    about = lookup("task", name, TASKS).about
    if not (data / about.folder).is_dir():
        pytest.skip(f"ASSAY_DATA has no folder {about.folder}")
    monkeypatch.setenv("ASSAY_DATA", str(data))
    task = make_task(name)
    if hasattr(task, "run") and why_not() is not None:
        pytest.skip(f"needs the sandbox: {why_not()}")
    sizes = {split: task.size(split) for split in about.rows}
    assert sizes == LOCAL_ROWS.get(name, about.rows)
    checks = task.checks()
    problems = list(dict.fromkeys(check.prompt.problem for check in checks))
    chosen = set(problems[:: max(1, len(problems) // CHECKED)])
    some = [check for check in checks if check.prompt.problem in chosen - NOT_RIGHT]
    scores = verify_all(task, [(check.prompt, check.response) for check in some])
    wrong = [(c.prompt.gold, c.response, s) for c, s in zip(some, scores, strict=True) if s.verdict is not c.verdict]
    assert wrong == []
    assert {check.verdict for check in some} == {Verdict.RIGHT, Verdict.WRONG}


LOCAL_ROWS = {"olympiadbench": {"test": 675}, "mbpp": {"train": 170, "test": 257}}
"""Where the copy that most evaluation code uses has another number of rows than the hub; of mbpp, the sanitized one."""
NOT_RIGHT = {"mbpp/88", "mbpp/737", "mbpp/787", "mbpp/794"}
"""References that return what is no plain value (docs/code_golds.md)."""
