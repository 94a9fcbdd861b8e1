"""Sample files: n responses to each of a task's problems, drawn, judged and stored, however often it is stopped."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from transformers import PreTrainedTokenizerBase

from assay.errors import DataError, RecipeError
from assay.files import Found, ignore, say_nothing
from assay.policies.load import Policy, as_policy, check_place, load_tokenizer
from assay.policies.references import find_model
from assay.policies.templates import mode_of, render, template_hash
from assay.rollout.columns import posed, to_frame
from assay.rollout.engine import Engine, check_sampling
from assay.rollout.parts import Parts, check_settings, write_whole
from assay.rollout.rows import sample_row
from assay.rollout.under_file import add_under
from assay.store import annotators_of
from assay.tasks import Split, Task, check_machine, data_hash_of, verify_all, wording_of
from assay.types import Prompt, Sample, Sampling

PART_SECONDS = 1.0
"""Finished problems are stored at least this often."""


def sample_to_file(
    model: str | Policy,
    task: Task,
    out: Path,
    problems: int | None,
    n: int,
    sampling: Sampling,
    template: str = "auto",
    under: str | Policy | None = None,
    split: Split = "test",
    problem_seed: int = 0,
    device: str = "auto",
    dtype: str = "auto",
    slots: int = 1024,
    advance: Callable[[int], None] = ignore,
    note: Callable[[str], None] = say_nothing,
) -> Path:
    """Draws `n` responses to each of `problems` problems and writes them, judged, to the Parquet file `out`.

    Rows are in the order of the problems, then of the members, exactly problems x n. Finished problems are kept in
    `OUT.parts` until all are, so that the same call continues after a kill and ends in the same file; it returns at
    once where the file is complete. With `under`, that model's log-probability of each response is added. Both models
    are references or loaded already. `advance` is called with numbers of samples, those of earlier calls first; `note`
    with what a user should know. Raises DataError where the file, or parts of it, were made under other settings.
    """
    prompts, asked = check_file(task, out, problems, n, sampling, split, problem_seed, device, dtype)
    policy = as_policy(model, device, dtype)
    settings = {**asked, **_settings_of_model(policy, prompts, template)}
    check_settings(out, settings)
    parts = Parts(out, settings)
    if not out.exists():
        draw_parts(Engine(policy, slots), task, prompts, n, sampling, template, parts, advance, note)
        annotators = annotators_of(model) if isinstance(model, str) else None
        write_whole(out, _merged(parts, prompts, annotators), settings)
    else:
        advance(Found(len(prompts) * n))
    parts.remove()
    if under is not None:
        add_under(out, under, device, dtype, note=note)
    return out


def check_file(
    task: Task,
    out: Path,
    problems: int | None,
    n: int,
    sampling: Sampling,
    split: Split = "test",
    problem_seed: int = 0,
    device: str = "auto",
    dtype: str = "auto",
) -> tuple[list[Prompt], dict[str, Any]]:
    """The problems posed, and the settings that no model decides; refuses all that can be refused without one.

    Raises RecipeError, DataError or ModelError for sampling, problems, a device or a name of a file that cannot be, and
    for a file that was made under other settings; RunError where this machine cannot judge.
    """
    check_sampling(sampling)
    check_machine(task)
    if out.suffix != ".parquet":
        raise DataError(f"{out}: a sample file is written as Parquet; give a name that ends in .parquet")
    check_place(device, dtype)
    prompts = _distinct(task.prompts(split, problems, problem_seed), task)
    ids = hashlib.sha256("\n".join(prompt.problem for prompt in prompts).encode()).hexdigest()
    asked = {
        "task": task.spec,
        "judge": task.judge,
        "problems": len(prompts),
        "problems_hash": ids[:16],
        "data_hash": data_hash_of(task, prompts[0].split),
        "wording": wording_of(task),
        **{name: list(value) if name == "stop" else value for name, value in asdict(sampling).items()},
        "split": split,
        "problem_seed": problem_seed,
        "n": n,
    }
    check_settings(out, asked)
    return prompts, asked


def check_models(models: Sequence[str], tasks: Sequence[tuple[Task, int]], template: str) -> None:
    """Finds what would only show when the models before have been sampled: reads the tokenizers, poses the problems.

    `tasks` are pairs of task and number of problems. Raises ModelError for a tokenizer that is not there, RecipeError
    or DataError for problems that are not, and RecipeError where two models would see them in different forms.
    """
    tokenizers = [load_tokenizer(find_model(model)) for model in models]
    for task, problems in tasks:
        prompts = _distinct(task.prompts("test", problems), task)
        first, *others = [_forms(prompts, tokenizer, template) for tokenizer in tokenizers]
        for model, forms in zip(models[1:], others, strict=True):
            if forms != first:
                raise RecipeError(
                    f"task {task.spec}: with template {template!r}, {models[0]} would see its prompts as "
                    f"{', '.join(first)} and {model} as {', '.join(forms)}, which cannot be compared; "
                    "give --template plain"
                )


def draw_parts(
    engine: Engine,
    task: Task,
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    template: str,
    parts: Parts,
    advance: Callable[[int], None] = ignore,
    note: Callable[[str], None] = say_nothing,
) -> None:
    """Draws and judges the samples of the problems that no part has yet, and stores them as parts."""
    done = {problem for frame in parts.read().values() for problem in frame["problem"].unique()}
    missing = [index for index, prompt in enumerate(prompts) if prompt.problem not in done]
    advance(Found(len(done) * n))
    notes: set[str] = set()
    finished: dict[int, list[dict[str, Any]]] = {}
    last = time.monotonic()
    try:
        for index, samples in _whole_problems(engine, [prompts[i] for i in missing], n, sampling, template, advance):
            finished[missing[index]] = judged_rows(task, prompts[missing[index]], samples, engine.policy, template)
            for text in set(engine.notes) - notes:
                note(text)
            notes |= set(engine.notes)
            if time.monotonic() - last > PART_SECONDS:
                _store(parts, finished)
                last = time.monotonic()
    finally:
        _store(parts, finished)


def judged_rows(
    task: Task, prompt: Prompt, samples: Sequence[Sample], policy: Policy, template: str
) -> list[dict[str, Any]]:
    """The rows of one problem."""
    common = {
        "prompt": render(prompt, policy.tokenizer, template)[0],
        **posed(task, prompt),
        "template_hash": template_hash(policy.tokenizer, mode_of(prompt, policy.tokenizer, template)),
        "model": policy.label,
    }
    scores = verify_all(task, [(prompt, sample.text) for sample in samples])
    return [sample_row(task, sample, prompt, score, common) for sample, score in zip(samples, scores, strict=True)]


def _whole_problems(
    engine: Engine,
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    template: str,
    advance: Callable[[int], None],
) -> Iterator[tuple[int, list[Sample]]]:
    """(prompt index, its n samples) for each problem as its last sample finishes."""
    waiting: dict[int, list[Sample]] = {}
    for index, sample in engine.stream(prompts, n, sampling, template):
        samples = waiting.setdefault(index, [])
        samples.append(sample)
        advance(1)
        if len(samples) == n:
            yield index, waiting.pop(index)


def _store(parts: Parts, finished: dict[int, list[dict[str, Any]]]) -> None:
    """Stores finished problems under the lowest of their numbers, and forgets them."""
    if finished:
        parts.add(min(finished), to_frame(row for rows in finished.values() for row in rows))
        finished.clear()


def _merged(parts: Parts, prompts: Sequence[Prompt], annotators: Sequence[str] | None) -> pl.DataFrame:
    """All rows in order, with the simulated annotators behind the policy's reward where there are some."""
    order = {prompt.problem: index for index, prompt in enumerate(prompts)}
    place = pl.col("problem").replace_strict(order, return_dtype=pl.Int64)
    rows = pl.concat(parts.read().values()).sort(place, "member").rechunk()
    return rows.with_columns(policy_annotator=pl.lit("; ".join(annotators))) if annotators else rows


def _distinct(prompts: list[Prompt], task: Task) -> list[Prompt]:
    """The prompts, after a check that rows can be told apart by problem."""
    if not prompts:
        raise DataError(f"task {task.spec}: has no such problems to sample; choose another split")
    seen: set[str] = set()
    for prompt in prompts:
        if prompt.problem in seen:
            raise DataError(f"task {task.spec}: problem {prompt.problem!r} is there twice; each must appear once")
        seen.add(prompt.problem)
    return prompts


def _settings_of_model(policy: Policy, prompts: Sequence[Prompt], template: str) -> dict[str, Any]:
    """What of the model decides the rows; numbers of slots and threads do not."""
    return {
        "model": policy.label,
        "device": policy.device.type,
        "dtype": str(policy.dtype).removeprefix("torch."),
        "template": _forms(prompts, policy.tokenizer, template),
    }


def _forms(prompts: Sequence[Prompt], tokenizer: PreTrainedTokenizerBase, template: str) -> list[str]:
    modes = {mode_of(prompt, tokenizer, template) for prompt in prompts}
    return sorted(f"{mode}:{template_hash(tokenizer, mode)}" for mode in modes)
