"""Controls, pseudo-labels and compounds as rewards, on samples made by hand."""

import json

import numpy as np
import pytest

from assay.errors import DataError, RecipeError
from assay.recipe import RewardTable
from assay.rewards import check_reward, label_files, labels, make_reward, with_absolute_paths
from assay.rewards.scoring import Rewards
from assay.tasks import make_task, same_answers
from assay.types import Group, Sample, Sampling, Stop, right, unknown, wrong

TASK = make_task("compose")
MASK = np.array([False, True, True])
PROBLEMS = [prompt.problem for prompt in TASK.prompts("train", 3, seed=1)]


def group(scores, problem=PROBLEMS[0], texts=None, task=TASK):
    """A problem and its samples, with these verdicts."""
    samples = tuple(
        Sample(0, m, np.array([5, 7, 2]), MASK, np.zeros(3), Sampling(), "p", Stop.EOS, text, {"true": score})
        for m, (score, text) in enumerate(zip(scores, texts or [""] * len(scores), strict=True))
    )
    return Group(task.prompt_of(problem), samples)


def said(answer, is_right=False):
    return right("j", answer) if is_right else wrong("j", "another" if answer else "no answer", answer)


def score(groups, function, seed=0, step=0, task=TASK):
    """Rewards by group, and the numbers."""
    with Rewards(RewardTable(functions=(function,)), task, seed, 9, lambda _: None) as rewards:
        rewarded, numbers = rewards(groups, step)
    return [[sample.reward for sample in each.samples] for each in rewarded], numbers


def write(path, *rows):
    """A sample file of (problem, answer, correct)."""
    keys = ("problem", "answer", "correct")
    path.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows))
    return path


def test_ground_truth_is_the_verifier():
    groups = [group([said("a", True), said("b"), unknown("j", "timeout")])]
    assert score(groups, "ground_truth")[0] == score(groups, "verifier")[0] == [[1.0, 0.0, None]]


def test_format_asks_for_an_answer_right_or_wrong():
    scores = [said("a", True), said("b"), said(None), unknown("j", "timeout", answer="c"), unknown("j", "timeout")]
    assert score([group(scores)], "format")[0] == [[1.0, 1.0, 0.0, 1.0, None]]
    with pytest.raises(RecipeError, match="does not say which answer it reads"):
        score([group([right("j")] * 2)], "format")


def test_a_random_reward_has_its_chance_whatever_the_response():
    """4,096 draws: the share is within four standard deviations, .5 / 64 at most, of the chance."""
    groups = [group([said("a", True)] * 4096)]
    for name, chance in (("random", 0.5), ("random:0.3", 0.3), ("random:0", 0.0), ("random:1", 1.0)):
        (values,), numbers = score(groups, name)
        assert set(values) <= {0.0, 1.0} and abs(np.mean(values) - chance) <= 4 * (chance * (1 - chance)) ** 0.5 / 64
        assert numbers["rewards/random/mean"] == np.mean(values)
    assert score([group([said(None)] * 4096)], "random") == score(groups, "random")


def test_a_random_reward_depends_on_seed_step_problem_and_member_alone():
    first, second = (group([said("a")] * 64, problem) for problem in PROBLEMS[:2])
    (mine, other), _ = score([first, second], "random")
    assert score([second, first], "random")[0] == [other, mine] and score([first], "random")[0] == [mine]
    assert score([group([said("a")] * 9)], "random")[0] == [mine[:9]]
    drawn = [mine, other, score([first], "random", seed=1)[0][0], score([first], "random", step=1)[0][0]]
    assert len(set(map(tuple, drawn))) == 4


def test_none_is_0_and_goes_on():
    assert score([group([said("a", True), said(None)])], "none")[0] == [[0.0, 0.0]]


def test_an_online_vote_is_the_label():
    scores = [said("a", True), said("b"), said("b"), said(None), unknown("j", "x", answer="b"), unknown("j", "x")]
    rewards, numbers = score([group(scores), group([said("c", True), said("c", True)])], "majority")
    assert rewards == [[0.0, 1.0, 1.0, 0.0, 1.0, None], [1.0, 1.0]]
    assert numbers["rewards/majority/label_accuracy"] == 0.5


def test_of_several_most_frequent_answers_the_first_is_the_label():
    votes = [said(answer) for answer in "xbaab"]
    assert score([group(votes)], "majority")[0] == [[0.0, 1.0, 0.0, 0.0, 1.0]]


def test_where_nobody_answers_nobody_agrees():
    rewards, numbers = score([group([said(None)] * 2)], "majority")
    assert rewards == [[0.0, 0.0]] and numbers["rewards/majority/label_accuracy"] is None


@pytest.mark.parametrize("kind", ["jsonl:verifier=math:split=split", "math"])
def test_answers_are_the_same_where_the_verifier_says_so(kind, tmp_path):
    r"""1/2, 0.5 and \frac{1}{2} are three votes against two for 7."""
    key = "prompt" if kind.startswith("jsonl") else "problem"
    (tmp_path / "train.jsonl").write_text(json.dumps({key: "Half of 14?", "answer": "7", "split": "train"}))
    task = make_task(kind, str(tmp_path / "train.jsonl"))
    (prompt,) = task.prompts("train")
    texts = [rf"\boxed{{{answer}}}" for answer in ("7", "0.5", "7", r"\frac{1}{2}", "1/2")]
    scores = [task.verify(prompt, text) for text in texts]
    found = score([group(scores, prompt.problem, texts, task)], "majority", task=task)
    assert found[0] == [[0.0, 1.0, 0.0, 1.0, 1.0]] and found[1]["rewards/majority/label_accuracy"] == 0


def test_answers_that_are_written_in_a_form_of_their_own_are_compared_in_it(tmp_path):
    """A vector is one vote whether its entries are decimals or fractions, and dollars are dollars."""
    row = {"problem": "Which?", "answer": "7", "split": "train"}
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    task = make_task("math", str(tmp_path / "train.jsonl"))
    (prompt,) = task.prompts("train")
    texts = [r"\begin{pmatrix} 1/2 \\ 3 \end{pmatrix}", r"\begin{pmatrix} 0.5 \\ 3 \end{pmatrix}", r"\$36", r"\$36.00"]
    vector, same_vector, price, same_price = (task.verify(prompt, rf"\boxed{{{text}}}").answer for text in texts)
    assert vector != same_vector and price != same_price
    assert same_answers(task, prompt, vector, [same_vector, price]) == [True, False]
    assert same_answers(task, prompt, price, [same_price, vector]) == [True, False]


def test_labels_of_a_file(tmp_path):
    """The vote of the rows with an answer; problem 1 has none; of problem 2, nobody knows whether it is right."""
    one, other, third = PROBLEMS
    rows = [(one, None, False)] * 3 + [(one, "b", False), (one, "a", True), (one, "b", False)]
    file = write(tmp_path / "base.jsonl", *rows, (other, None, False), (third, "c", None))
    assert check_reward(f"majority:{file}", TASK) == {one, third}
    groups = [group([said("a", True), said("b"), said(None)]), group([said("c"), said("d")], third)]
    rewards, numbers = score(groups, f"majority:{file}")
    assert rewards == [[0.0, 1.0, 0.0], [1.0, 0.0]]
    assert numbers["rewards/majority/label_accuracy"] == 0, "the first label is wrong, the second not known"
    assert check_reward(f"incorrect:{file}", TASK) == {one}
    assert score(groups[:1], f"incorrect:{file}")[0] == rewards[:1]
    assert score(groups, f"incorrect:{file}")[0] == [rewards[0], [None, None]]


def test_ties_of_a_file_go_to_the_first_member_whichever_row_it_stands_in(tmp_path):
    rows = [
        {"problem": PROBLEMS[0], "answer": answer, "member": m, "correct": False} for m, answer in enumerate("abab")
    ]
    for name, order in (("ab", rows), ("ba", rows[::-1])):
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in order))
        assert score([group([said("a"), said("b")])], f"majority:{file}")[0] == [[1.0, 0.0]]


CODE, PROSE = "code a b c d ; answer a b c d", "prose answer a b c d"


def test_a_compound_is_0_where_one_term_fails_and_unknown_only_where_it_depends_on_it():
    strategies = [TASK.labels(TASK.prompt_of(PROBLEMS[0]), text).strategy for text in (CODE, PROSE, "")]
    assert strategies == ["code", "prose", None]
    scores = [said("a", True), said("a", True), said("a", True), said("b"), unknown("j", "x"), unknown("j", "x")]
    texts = [CODE, PROSE, "", "", CODE, PROSE]
    rewards, numbers = score([group(scores, texts=texts)], "ground_truth and not strategy:code")
    assert rewards == [[0.0, 1.0, None, 0.0, 0.0, None]]
    assert numbers["rewards/ground_truth_and_not_strategy_code/errors"] == 1
    assert score([group(scores, texts=texts)], "strategy:code")[0] == [[1.0, 0.0, None, None, 1.0, 0.0]]
    assert score([group([said("a"), said(None)])], "not format")[0] == [[0.0, 1.0]]
    assert score([group([said("a"), said("b"), said("a")])], "majority and format")[0] == [[1.0, 0.0, 1.0]]


def test_a_compound_scores_and_logs_what_its_terms_do(tmp_path):
    files = [write(tmp_path / f"{n}.jsonl", *[(p, "a", False) for p in PROBLEMS[n : n + 2]]) for n in (0, 1)]
    name = f"majority:{files[0]} and not majority:{files[1]}"
    assert check_reward(name, TASK) == {PROBLEMS[1]}
    numbers = score([group([said("a")], PROBLEMS[1])], name)[1]
    assert numbers["rewards/majority_and_not_majority/label_accuracy"] == 0


def test_names_in_the_metrics():
    assert labels(["random", "not strategy:code", "format and majority:a/b.parquet"]) == [
        "random", "not_strategy_code", "format_and_majority",
    ]  # fmt: skip
    assert labels(["random", "random:0.3"]) == ["random", "random:0.3"]


def test_files_are_named_for_good(tmp_path, monkeypatch):
    """A folder may have the word 'and' in its name."""
    folder = tmp_path / "rock and roll"
    folder.mkdir()
    write(folder / "base.jsonl", (PROBLEMS[0], "a", False))
    monkeypatch.chdir(folder)
    name = with_absolute_paths("not incorrect:base.jsonl and format")
    assert name == f"not incorrect:{folder}/base.jsonl and format"
    assert label_files(name) == [folder / "base.jsonl"]
    assert check_reward(name, TASK) == {PROBLEMS[0]}
    assert with_absolute_paths("ground_truth and strategy:code") == "ground_truth and strategy:code"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("random:1.5", "expected a chance from 0 to 1 behind the colon, as in random:0.3"),
        ("random:nan", "expected a chance from 0 to 1"),
        ("random:half", "expected a chance from 0 to 1"),
        ("random:", "nothing stands behind its colon"),
        ("format:boxed", "takes nothing behind a colon; write format"),
        ("strategy", "names no strategy; write strategy:NAME"),
        ("incorrect", "names no sample file; write incorrect:FILE"),
        ("fromat", "did you mean 'format'"),
        ("format and not model:runs/x", "its term 'model:runs/x' is no reward of 1 and 0; a term is one of verifier"),
        ("model:runs/x and format", "its term 'model:runs/x' is no reward of 1 and 0"),
        ("format and users_rewards:short", "its term 'users_rewards:short' is no reward of 1 and 0"),
    ],
)
def test_names_that_cannot_be_meant(name, sentence):
    with pytest.raises(RecipeError, match=sentence):
        make_reward(name, TASK, 0)


HELD_OUT = TASK.prompts("test", 1)[0].problem


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        (None, "majority", "cannot be read"),
        ('{"problem": "p", "correct": true}', "majority", "no row has the column 'answer'"),
        ('{"problem": "p", "n": 4, "correct": 1}', "majority", "holds counts; expected a row a response"),
        (f'{{"problem": "{PROBLEMS[0]}", "correct": true, "answer": null}}', "majority", "no problem gets a label"),
        (f'{{"problem": "{PROBLEMS[0]}", "correct": true, "answer": "a"}}', "incorrect", "is known to be wrong"),
        (f'{{"problem": "{HELD_OUT}", "correct": true, "answer": "a"}}', "majority", "is of the test split of compose"),
        ('{"problem": "p", "correct": true, "answer": "a"}', "majority", "problem 'p' is not of compose"),
    ],
)
def test_files_without_labels(text, kind, sentence, tmp_path):
    file = tmp_path / "base.jsonl"
    if text is not None:
        file.write_text(text + "\n")
    with pytest.raises(DataError, match=rf"base\.jsonl.*{sentence}"):
        make_reward(f"{kind}:{file}", TASK, 0)
