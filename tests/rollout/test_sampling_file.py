import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from assay.audits.compare import compare
from assay.errors import DataError, RecipeError
from assay.files import write_text
from assay.policies.load import load_policy
from assay.report.page import write_audit_report
from assay.rollout import parts, sampling, under_file
from assay.rollout.columns import COLUMNS
from assay.rollout.sampling import check_models, sample_to_file
from assay.rollout.under import Response, score_under
from assay.samples import read_samples
from assay.types import Prompt, Sampling
from tiny_models import CHAT, make_model, make_tokenizer
from tiny_task import TinyTask

HOW = Sampling(temperature=0.8, max_new_tokens=12, seed=3)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Two models of one tokenizer."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("base", "tuned")):
        make_model(seed=seed).save_pretrained(folder / name)
        make_tokenizer().save_pretrained(folder / name)
    return folder


def sample(models, out, task=None, problems=6, n=5, how=HOW, **options):
    return sample_to_file(str(models / "tuned"), task or TinyTask(), out, problems, n, how, **options)


def test_the_columns_are_those_of_the_documentation(models, tmp_path):
    frame = pl.read_parquet(sample(models, tmp_path / "out.parquet"))
    assert dict(frame.schema) == COLUMNS
    text = Path(__file__).parents[2].joinpath("docs/sample_files.md").read_text("utf-8")
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    documented = [name for cell in cells for name in cell.split("`")[1::2]]
    assert documented == frame.columns


def test_a_policy_of_simulated_preferences_is_called_so(models, tmp_path):
    told = ["simulated: longer 1, noise 1, seed 0"]
    shutil.copytree(models / "tuned", tmp_path / "run" / "model")
    write_text(tmp_path / "run" / "run.json", json.dumps({"name": "rlhf", "reward_annotators": {"model:rm": told}}))
    shared = (TinyTask(), tmp_path / "rlhf.parquet", 2, 5, HOW)
    rlhf = sample_to_file(str(tmp_path / "run" / "model"), *shared)
    assert pl.read_parquet(rlhf)["policy_annotator"].unique().to_list() == told
    found = compare([sample(models, tmp_path / "base.parquet", problems=2), rlhf])
    said = "rlhf was trained on preferences that are simulated: longer 1, noise 1, seed 0."
    assert found["settings"]["notes"] == [said]
    assert said in write_audit_report(found, tmp_path / "audit", images=False).read_text("utf-8")


def test_wording_and_data_are_in_every_row_and_decide_the_file(models, tmp_path):
    """A complete file made on other golds is another file."""
    task = TinyTask()
    task.wording, task.data_hash = "none", lambda split: f"hash of {split}"
    out = sample(models, tmp_path / "out.parquet", task, problems=2)
    split = task.prompts("test")[0].split
    assert pl.read_parquet(out).select("wording", "data_hash").unique().rows() == [("none", f"hash of {split}")]
    assert pl.read_parquet(sample(models, tmp_path / "plain.parquet", problems=2))["data_hash"].null_count() == 10
    task.data_hash = lambda split: "another"
    with pytest.raises(DataError, match=f"data_hash hash of {split}, not another"):
        sample(models, out, task, problems=2)


def test_rows_are_in_order_and_exact(models, tmp_path):
    """Problems as the task orders them, then members; every row judged from its own text and token ids."""
    task, seen = TinyTask(), []
    frame = pl.read_parquet(sample(models, tmp_path / "out.parquet", task, advance=seen.append, slots=4))
    assert sum(seen) == 30
    assert frame["problem"].to_list() == [f"p{index}" for index in range(6) for _ in range(5)]
    assert frame["member"].to_list() == list(range(5)) * 6
    policy = load_policy(str(models / "tuned"))
    assert frame["model"].unique().to_list() == [policy.label] and policy.label.startswith("tuned@")
    for row in frame.iter_rows(named=True):
        prompt = task.prompt_of(row["problem"])
        score = task.verify(prompt, row["response"])
        assert (row["correct"], row["verdict"], row["reason"], row["answer"]) == (
            score.correct, score.verdict, score.reason, score.answer,
        )  # fmt: skip
        assert row["response"] == policy.tokenizer.decode(row["token_ids"], skip_special_tokens=True)
        assert (row["length_tokens"], row["prompt"]) == (len(row["token_ids"]), prompt.text)
        how = ("temperature", "top_p", "top_k", "max_new_tokens", "seed")
        assert [row[name] for name in how] == [0.8, 1, 0, 12, 3]
        assert (row["guess_probability"], row["logprob_under"], row["under"]) == (0.25, None, None)
    assert set(frame["verdict"]) == {"right", "wrong", "unknown"}
    assert set(frame.filter(pl.col("verdict") == "unknown")["correct"]) == {None}
    assert not (tmp_path / "out.parquet.parts").exists()
    assert read_samples(tmp_path / "out.parquet").format == "responses"


def test_a_killed_file_becomes_the_same_file(models, tmp_path):
    """SIGKILL after parts, inside writes of parts and of the whole file, before the cleaning, and while scoring."""
    script = Path(__file__).with_name("kill_sampling.py")
    command = [sys.executable, str(script), str(tmp_path), str(models / "tuned"), str(models / "base")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "whole" / "out.parquet").read_bytes()
    killed = sorted(tmp_path.glob("killed-*"))
    assert len(killed) == 5
    for folder in killed:
        assert (folder / "out.parquet").read_bytes() == whole, folder.name
        assert [path.name for path in folder.iterdir()] == ["out.parquet"]


def test_finished_problems_are_not_sampled_again(models, tmp_path, monkeypatch):
    """Stopped by Ctrl-C after two problems; the second call reports them at once and draws the other four."""
    monkeypatch.setattr(sampling, "PART_SECONDS", 0.0)
    store = parts.Parts.add

    def stop_after_two(self, number, frame):
        store(self, number, frame)
        if len(self.read()) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(parts.Parts, "add", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        sample(models, tmp_path / "out.parquet", slots=3)
    monkeypatch.setattr(parts.Parts, "add", store)
    drawn, seen = [], []
    stream = sampling.Engine.stream

    def watched(self, prompts, *arguments):
        drawn.extend(prompt.problem for prompt in prompts)
        return stream(self, prompts, *arguments)

    monkeypatch.setattr(sampling.Engine, "stream", watched)
    frame = pl.read_parquet(sample(models, tmp_path / "out.parquet", advance=seen.append))
    assert (len(drawn), seen[0], sum(seen)) == (4, 10, 30)
    other = pl.read_parquet(sample(models, tmp_path / "again.parquet"))
    assert frame.equals(other)


def test_a_complete_file_is_returned_at_once(models, tmp_path, monkeypatch):
    out = sample(models, tmp_path / "out.parquet")
    before, seen = out.stat().st_mtime_ns, []
    monkeypatch.setattr(sampling, "draw_parts", None)
    assert sample(models, out, advance=seen.append) == out
    assert (out.stat().st_mtime_ns, seen) == (before, [30])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"how": Sampling(temperature=0.7, max_new_tokens=12, seed=3)}, "temperature 0.8, not 0.7"),
        ({"n": 6}, "n 5, not 6"),
        ({"problems": 5}, "problems 6, not 5"),
        ({"task": TinyTask(spec="tiny:hard")}, "task tiny, not tiny:hard"),
        ({"split": "train"}, "split test, not train"),
    ],
)
def test_other_settings_are_never_mixed(models, tmp_path, monkeypatch, changed, said):
    """Neither into a complete file nor into parts."""
    out = sample(models, tmp_path / "out.parquet")
    with pytest.raises(DataError, match=f"is complete, but was made under other settings .*{said}"):
        sample(models, out, **changed)
    monkeypatch.setattr(sampling, "write_whole", _stop)
    with pytest.raises(KeyboardInterrupt):
        sample(models, tmp_path / "part.parquet")
    with pytest.raises(DataError, match=f"part.parquet.parts: holds parts made under other settings .*{said}"):
        sample(models, tmp_path / "part.parquet", **changed)


def _stop(*arguments):
    raise KeyboardInterrupt


def test_another_model_is_another_setting(models, tmp_path):
    out = sample(models, tmp_path / "out.parquet")
    with pytest.raises(DataError, match=r"model tuned@[0-9a-f]{12}, not base@[0-9a-f]{12}"):
        sample_to_file(str(models / "base"), TinyTask(), out, 6, 5, HOW)


def test_a_file_of_another_origin_is_left_alone(models, tmp_path):
    out = tmp_path / "mine.parquet"
    pl.DataFrame({"problem": ["p0"]}).write_parquet(out)
    before = out.read_bytes()
    with pytest.raises(DataError, match="was not written by assay sample"):
        sample(models, out)
    assert out.read_bytes() == before
    with pytest.raises(DataError, match=r"ends in \.parquet"):
        sample(models, tmp_path / "out.jsonl")


def test_a_full_disk_loses_nothing(models, tmp_path, monkeypatch):
    """The third part does not fit; what was stored stays, and the call goes on when there is room."""
    monkeypatch.setattr(sampling, "PART_SECONDS", 0.0)
    write, calls = pl.DataFrame.write_parquet, []

    def full(self, path, **options):
        calls.append(path)
        if len(calls) >= 3:
            Path(path).write_bytes(b"PAR1 and then")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(self, path, **options)

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OSError, match="No space left on device"):
        sample(models, tmp_path / "out.parquet", slots=3)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", write)
    assert len([path for path in (tmp_path / "out.parquet.parts").iterdir() if path.suffix == ".parquet"]) == 2
    frame = pl.read_parquet(sample(models, tmp_path / "out.parquet"))
    assert frame.equals(pl.read_parquet(sample(models, tmp_path / "other.parquet")))


def test_a_problem_that_is_there_twice_is_an_error(models, tmp_path):
    task = TinyTask()
    task.prompts = lambda *arguments: [task.prompt_of("p1"), task.prompt_of("p1")]
    with pytest.raises(DataError, match="problem 'p1' is there twice"):
        sample(models, tmp_path / "out.parquet", task)
    task.prompts = lambda *arguments: []
    with pytest.raises(DataError, match="no such problems"):
        sample(models, tmp_path / "out.parquet", task)


def test_impossible_sampling_is_said_before_anything_is_loaded(tmp_path):
    with pytest.raises(RecipeError, match="top_p"):
        sample_to_file("nothing", TinyTask(), tmp_path / "o.parquet", 1, 1, Sampling(top_p=2.0))


def test_logprobs_under_another_model(models, tmp_path, monkeypatch):
    """By the model's own forward pass at temperature 1, though sampled at .8; in several parts."""
    monkeypatch.setattr(under_file, "CHUNK_ROWS", 7)
    seen = []
    frame = pl.read_parquet(sample(models, tmp_path / "out.parquet", under=str(models / "base"), advance=seen.append))
    base = load_policy(str(models / "base"))
    assert frame["under"].unique().to_list() == [base.label]
    for row in frame.iter_rows(named=True):
        prompt = base.tokenizer(row["prompt"])["input_ids"]
        assert row["logprob_under"] == pytest.approx(_whole(base, prompt, row["token_ids"]), abs=1e-4)


def _whole(policy, prompt, response):
    import torch

    ids = torch.tensor([[*prompt, *response]])
    with torch.no_grad():
        scores = torch.log_softmax(policy.model(input_ids=ids).logits[0].double(), -1)
    return float(scores[:-1].gather(-1, ids[0, 1:, None])[len(prompt) - 1 :].sum())


def test_under_itself_at_temperature_1_nothing_is_computed(models, tmp_path, monkeypatch):
    how = Sampling(max_new_tokens=12)
    monkeypatch.setattr(under_file, "score_rows", None)
    frame = pl.read_parquet(sample(models, tmp_path / "out.parquet", how=how, under=str(models / "tuned")))
    assert frame["logprob_under"].to_list() == frame["logprob"].to_list()


def test_under_is_added_to_a_complete_file_and_never_replaced(models, tmp_path):
    out = sample(models, tmp_path / "out.parquet")
    sample(models, out, under=str(models / "base"))
    before = out.read_bytes()
    sample(models, out, under=str(models / "base"))
    sample(models, out)
    assert out.read_bytes() == before
    with pytest.raises(DataError, match=r"is scored under base@.* already, not under tuned@.*assay score"):
        sample(models, out, under=str(models / "tuned"))


def test_a_response_that_is_too_long_for_the_scoring_model_has_no_score(models):
    """128 positions; 1 + 128 tokens do not fit, 1 + 127 do; an empty response has log-probability 0."""
    policy = load_policy(str(models / "base"))
    found = score_under(policy, [Response([1], [5] * 128), Response([1], [5] * 127), Response([1, 6], [])])
    assert found[0] is None and found[1] < 0 and found[2] == 0


def test_micro_batches_do_not_matter(models, monkeypatch):
    """Rows of many lengths, scored together and one at a time."""
    policy = load_policy(str(models / "base"))
    rows = [Response([1, 5 + i], [7 + (i * j) % 40 for j in range(1 + 3 * i)]) for i in range(14)]
    together = score_under(policy, rows)
    monkeypatch.setattr("assay.rollout.under.CHUNK_LOGITS", 5 * 61)
    alone = [score_under(policy, [row])[0] for row in rows]
    assert together == pytest.approx(alone, abs=1e-4)


def test_chat_prompts_are_scored_as_they_were_seen(models, tmp_path):
    """The rendered prompt holds the template's own tokens: no second <bos> in front."""
    for name in ("chat", "chat-base"):
        make_model(seed=3 if name == "chat" else 4).save_pretrained(tmp_path / name)
        make_tokenizer(chat=CHAT).save_pretrained(tmp_path / name)
    task = TinyTask(size=2)
    for problem, prompt in task.by_problem.items():
        message = {"role": "user", "content": prompt.text}
        task.by_problem[problem] = Prompt("tiny", problem, None, "test", messages=(message,))
    how = Sampling(max_new_tokens=6)
    out = tmp_path / "out.parquet"
    sample_to_file(str(tmp_path / "chat"), task, out, 2, 2, how, under=str(tmp_path / "chat-base"))
    base = load_policy(str(tmp_path / "chat-base"))
    for row in pl.read_parquet(out).iter_rows(named=True):
        assert row["prompt"].startswith("<user> w")
        prompt = base.tokenizer(row["prompt"], add_special_tokens=False)["input_ids"]
        assert row["logprob_under"] == pytest.approx(_whole(base, prompt, row["token_ids"]), abs=1e-4)


def test_models_that_would_see_other_prompts_are_named_before_they_are_sampled(models, tmp_path):
    """Messages come to a chat template where the tokenizer has one; `plain` is the same for all."""
    make_model().save_pretrained(tmp_path / "chat")
    make_tokenizer(chat=CHAT).save_pretrained(tmp_path / "chat")
    task = TinyTask(size=2)
    for problem in task.by_problem:
        task.by_problem[problem] = Prompt("tiny", problem, None, "test", messages=({"role": "user", "content": "w5"},))
    two = [str(models / "tuned"), str(tmp_path / "chat")]
    with pytest.raises(RecipeError, match=r"task tiny: with template 'auto', .*tuned would see .* as plain:\w+ and .*"):
        check_models(two, [(task, 2)], "auto")
    check_models(two, [(task, 2)], "plain")
    check_models(two, [(TinyTask(), 6)], "auto")
    with pytest.raises(DataError, match="has no such problems"):
        check_models(two, [(TinyTask(size=0), 0)], "plain")
