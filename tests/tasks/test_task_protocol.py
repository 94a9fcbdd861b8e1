"""What must hold for every registered task: each is built here without network."""

import json
from pathlib import Path

import pytest

from assay.errors import DataError, RecipeError
from assay.grading.sandbox import why_not
from assay.tasks import TASKS, Split, Task, format_spec, make_task, parse_spec, verify_all
from assay.types import Verdict

SPECS = [
    "countdown:seen",
    "countdown:edge",
    "countdown:numbers=4:largest=20",
    "countdown:seen:style=words",
    "compose:seen",
    "compose:edge",
    "compose:depth=3",
    "compose:rare",
    "compose:ladder",
    "chain:seen",
    "chain:hard:mod=17",
    "chain:operations=6",
    "gsm8k",
    "gsm8k:prompt=none:read=boxed",
    "gsm8k:prompt=r1",
    "svamp:prompt=few-shot",
    "math",
    "math:prompt=r1",
    "math500:prompt=few-shot:read=boxed",
    "minerva",
    "aime24",
    "aime25",
    "amc23:prompt=none",
    "olympiadbench",
    "humaneval",
    "humaneval:prompt=none",
    "humaneval+",
    "mbpp",
    "mbpp+:prompt=none",
    "code:prompt=question:tests=test:solution=solution",
    "ifeval",
    "ifeval:read=loose",
    "jsonl:prompt=question:verifier=number",
    "jsonl:prompt=question:verifier=exact:problem=id:test_share=0.5",
    "jsonl:prompt=question:answer=letter:verifier=choice:choices=ABC:chat=true",
    "jsonl:prompt=question:answer=letter:verifier=regex:pattern=[A-Z]:right_response={gold}",
    "reasoning_gym:dataset=chain_sum:max_terms=4",
]

CHECKED = 1500
"""About as many checks of each task are run; an odd step meets every kind."""
PROGRAMS = ("humaneval", "mbpp", "code:")
"""Of these a twentieth: each is run in a sandbox of its own."""
GENERATED = ("countdown", "compose", "chain", "reasoning_gym")

HOSTILE = [
    "",
    " ",
    "\n\n\n",
    "\x00",
    "\ud800",
    "٣",
    "½",
    "１８",
    "a" * 100_000,
    "9" * 100_000,
    "-" * 10_000,
    "answer",
    "answer answer answer",
    "answer a b c d e f g",
    "answer ( ( ( ( 1",
    "answer " + "( " * 5_000 + "1" + " )" * 5_000,
    "answer 1 / 0",
    "answer 1 / ( 2 - 2 )",
    "answer 9 ** 9 ** 9 ** 9",
    "answer 9 ^ 9 ^ 9",
    "answer 1e999999999",
    "answer 10 !",
    "answer __import__('os').mkdir('x')",
    "answer ${HOME} `id` $(id)",
    "answer nan",
    "answer inf",
    "code ; ; ; answer",
    "code 1 + 1 = 2 ; 2 + 2 = 4 ; wait ; wait ; answer 4",
    "code rev ; answer a",
    "prose answer",
    "\\boxed{",
    "\\boxed{}",
    "\\boxed{" * 1_000,
    "\\boxed{" * 1_000 + "}" * 1_000,
    "\\boxed{\\frac{1}{0}}",
    "#### ",
    "#### 1,2,3",
    "A: A: A:",
    "The answer is is is",
    "<answer></answer>",
    "<answer><answer>1</answer></answer>",
    "</answer><answer>",
    "<think>",
    "</think></think>",
    "{'a': [1, 2]}",
    "\\" * 10_000,
]


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.jsonl"
    values = [
        {
            "id": n, "question": f"{n} and one?", "answer": f"{n + 1}", "letter": "ABC"[n % 3],
            "final_answer": [f"${n + 1}$"], "is_multiple_answer": False,
            "key": n, "prompt": f"def plus(x):\n    ''' {n} and x? '''\n",
            "instruction_id_list": ["startend:quotation"], "kwargs": [{}],
            "task_id": f"Set/{n + 451}", "entry_point": "plus", "canonical_solution": f"    return x + {n}\n",
            "test": f"def check(candidate):\n    assert plus(1) == {n + 1}\n",
            "solution": f"def plus(x): return x + {n}",
        }
        for n in range(300)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return str(path)


@pytest.fixture(params=SPECS)
def spec(request: pytest.FixtureRequest) -> str:
    if request.param.startswith("reasoning_gym"):
        pytest.importorskip("reasoning_gym", reason="needs the package reasoning-gym")
    return request.param


def build(spec: str, rows: str) -> Task:
    return make_task(spec, data=None if spec.startswith(GENERATED) else rows)


@pytest.fixture
def task(spec: str, rows: str) -> Task:
    return build(spec, rows)


@pytest.fixture
def runs(spec: str) -> None:
    """A test whose task may run programs: skipped where there is no sandbox for them."""
    reason = why_not() if spec.startswith(PROGRAMS) else None
    if reason is not None:
        pytest.skip(f"needs the sandbox: {reason}")


def splits(task: Task) -> list[Split]:
    """Those that have rows: a set for evaluation has no train rows."""
    both: list[Split] = ["train", "test"]
    return [split for split in both if task.size(split) != 0]


def test_every_registered_task_is_here() -> None:
    assert {spec.split(":")[0] for spec in SPECS} == set(TASKS)


def test_prompts_are_the_same_for_the_same_arguments(task: Task, spec: str, rows: str) -> None:
    for split in splits(task):
        prompts = task.prompts(split, 12, seed=1)
        assert prompts == task.prompts(split, 12, seed=1) == build(spec, rows).prompts(split, 12, seed=1)
        assert len({prompt.problem for prompt in prompts}) == 12
        assert {prompt.problem for prompt in prompts} != {p.problem for p in task.prompts(split, 12, seed=2)}
        assert {prompt.split for prompt in prompts} == {split}


def test_splits_share_no_problem(task: Task) -> None:
    counts = [15] if task.size("test") is None else [15, None]
    for count in counts:
        problems = [prompt.problem for split in splits(task) for prompt in task.prompts(split, count, seed=3)]
        assert len(problems) == len(set(problems))


def test_a_sized_split_has_that_many_rows(task: Task) -> None:
    for split in splits(task):
        size = task.size(split)
        if size is not None:
            assert len(task.prompts(split)) == size
            with pytest.raises(DataError, match=f"{size + 1} {split} problems were asked for"):
                task.prompts(split, size + 1)


def test_the_spec_makes_the_task_again(task: Task, rows: str) -> None:
    again = build(task.spec, rows)
    assert again.spec == task.spec
    assert again.judge == task.judge
    assert again.prompts("test", 5, seed=4) == task.prompts("test", 5, seed=4)
    assert "," not in task.spec
    assert rows not in task.spec
    assert {prompt.task for prompt in task.prompts("test", 5)} == {task.spec}


def test_a_problem_names_its_prompt(task: Task) -> None:
    for split in splits(task):
        for prompt in task.prompts(split, 5):
            assert task.prompt_of(prompt.problem) == prompt


def test_a_problem_of_another_task_is_an_error(task: Task) -> None:
    for problem in ("", "no such problem", "countdown 1 2", "compose rev", "gsm8k/000000000000", "\x00"):
        with pytest.raises(DataError):
            task.prompt_of(problem)


def test_no_response_makes_a_verifier_raise(task: Task, runs: None) -> None:
    (prompt,) = task.prompts("test", 1)
    for response in HOSTILE:
        score = task.verify(prompt, response)
        assert score.verdict in (Verdict.RIGHT, Verdict.WRONG)
        assert score.judge == task.judge
        assert (score.reason is None) == (score.verdict is Verdict.RIGHT)
        assert task.labels(prompt, response) == task.labels(prompt, response)


def test_golds_are_right_and_near_misses_wrong(task: Task, runs: None) -> None:
    checks = task.checks()
    assert {check.verdict for check in checks} == {Verdict.RIGHT, Verdict.WRONG}
    some = checks[:: len(checks) // (CHECKED // 20 if task.spec.startswith(PROGRAMS) else CHECKED) | 1]
    scores = verify_all(task, [(check.prompt, check.response) for check in some])
    assert [each for each, score in zip(some, scores, strict=True) if score.verdict is not each.verdict] == []


def test_a_guess_has_a_probability_or_none(task: Task) -> None:
    for prompt in task.prompts("test", 5):
        chance = task.guess_probability(prompt)
        assert chance is None or 0 < chance < 1


def test_a_task_says_what_it_is(task: Task) -> None:
    assert task.name in TASKS
    assert task.max_new_tokens > 0
    assert all((task.about.what, task.about.source, task.about.licence, task.about.floor))


def test_an_unknown_option_is_an_error(spec: str, rows: str) -> None:
    with pytest.raises(RecipeError, match="unknown key 'no_such_option'"):
        build(f"{spec}:no_such_option=1", rows)


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("compose", {"name": "compose"}),
        ("compose:edge", {"name": "compose", "rung": "edge"}),
        ("countdown:edge:numbers=4", {"name": "countdown", "rung": "edge", "numbers": "4"}),
        ("jsonl:verifier=mine:grade:chat=true", {"name": "jsonl", "verifier": "mine:grade", "chat": "true"}),
        ("jsonl:data=C:\\a:b=", {"name": "jsonl", "data": "C:\\a", "b": ""}),
        ("jsonl:pattern=a%2Cb%3Dc%25d%41", {"name": "jsonl", "pattern": "a,b=c%d%41"}),
        ("jsonl:pattern=a=b", {"name": "jsonl", "pattern": "a=b"}),
    ],
)
def test_a_spec_is_read(spec: str, options: dict[str, str]) -> None:
    assert parse_spec(spec) == options
    name, *_ = options.values()
    assert parse_spec(format_spec(name, {k: v for k, v in options.items() if k != "name"})) == options


@pytest.mark.parametrize(
    "value", ["a,b", "a:b=c", "100%", "%2C", "%25", "a::b", ":", "=", "%", "x=1:y=2,z", " spaced "]
)
def test_any_value_survives_in_a_spec(value: str) -> None:
    written = format_spec("jsonl", {"rung": None, "pattern": value, "chat": True})
    assert "," not in written
    assert parse_spec(written) == {"name": "jsonl", "pattern": value, "chat": "true"}


@pytest.mark.parametrize(
    "spec", ["compose:", "compose:edge:hard", "compose:=4", "compose:edge:", "a:x=1:x=2", "a:name=b"]
)
def test_a_spec_that_cannot_be_read(spec: str) -> None:
    with pytest.raises(RecipeError, match=r"write NAME\[:RUNG\]\[:KEY=VALUE\]"):
        parse_spec(spec)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="unknown task 'compos', did you mean 'compose'"):
        make_task("compos:edge")
