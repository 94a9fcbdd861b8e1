"""Problems are cut by words, continued greedily without a template, and a stopped file is continued."""

from pathlib import Path

import polars as pl
import pytest

from assay.audits.recall import SHARES
from assay.errors import DataError
from assay.files import Found
from assay.policies.load import load_policy
from assay.rollout import prefixes
from assay.rollout.engine import Engine
from assay.rollout.prefixes import continue_texts, cut, probe_to_file
from assay.tasks import make_task, question_of


@pytest.mark.parametrize(
    ("share", "pair"), [(0.4, ("a  b", "c\nd e")), (0.6, ("a  b c", "d e")), (0.99, ("a  b c\nd e", ""))]
)
def test_the_first_words_rounded_up_and_white_space_kept(share: float, pair: tuple[str, str]) -> None:
    assert cut("a  b c\nd e", share) == pair


def test_a_question_is_free_of_its_wording() -> None:
    compose = make_task("compose:seen")
    prompt = compose.prompts("test", 1)[0]
    assert question_of(compose, prompt) == prompt.problem != prompt.text


@pytest.mark.parametrize("wording", ["none", "boxed", "r1", "few-shot"])
def test_a_rows_question_is_the_same_in_every_wording(wording: str, tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    file.write_text('{"question": "What is 1 + 1?", "answer": "#### 2"}\n')
    task = make_task(f"gsm8k:prompt={wording}", str(file))
    assert question_of(task, task.prompts("test")[0]) == "What is 1 + 1?"


@pytest.fixture(scope="module")
def leaked() -> Engine:
    return Engine(load_policy("organism:leaked-base"))


def test_a_leaked_problem_is_continued_to_its_end(leaked: Engine) -> None:
    """Its card says that nearly all are; the answer follows only where there is room for it."""
    prompts = make_task("compose:seen").prompts("test", 4)
    short = continue_texts(leaked, [prompt.problem for prompt in prompts], 0.6)
    long = continue_texts(leaked, [prompt.problem for prompt in prompts], 0.6, more_tokens=40)
    assert all(said.split() == tail.split() for tail, said in short)
    assert all(said.startswith(before) and " = " in said for (_, before), (_, said) in zip(short, long, strict=True))


def test_a_file_has_every_set_and_share_and_is_continued(
    leaked: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task("compose:seen")
    prompts = task.prompts("test", 6)
    sets = {"suspect": (task, prompts[:3]), "clean": (task, prompts[3:])}
    whole = pl.read_parquet(probe_to_file(leaked.policy, sets, tmp_path / "whole.parquet", 40))
    assert whole.group_by("set", "share", maintain_order=True).len()["len"].to_list() == [3] * 6
    assert whole["share"].unique().sort().to_list() == list(SHARES)

    made, rows = [], prefixes._rows

    def stop_at_the_third(*arguments: object) -> object:
        made.append(arguments)
        if len(made) == 3:
            raise KeyboardInterrupt
        return rows(*arguments)  # type: ignore[arg-type]

    out = tmp_path / "part.parquet"
    monkeypatch.setattr(prefixes, "_rows", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        probe_to_file(leaked.policy, sets, out, 40)
    assert not out.exists() and len(list((tmp_path / "part.parquet.parts").glob("*.parquet"))) == 2
    counted: list[int] = []
    probe_to_file(leaked.policy, sets, out, 40, advance=counted.append)
    assert len(made) == 3 + 4 and sum(counted) == 18
    assert [int(n) for n in counted if isinstance(n, Found)] == [3, 3]
    assert pl.read_parquet(out).equals(whole)
    counted.clear()
    probe_to_file(leaked.policy, sets, out, 40, advance=counted.append)
    assert counted == [18] and isinstance(counted[0], Found)
    with pytest.raises(DataError, match="more_tokens 40, not 7"):
        probe_to_file(leaked.policy, sets, out, 7)
