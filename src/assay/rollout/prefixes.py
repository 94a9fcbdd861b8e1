"""Does a model know how a problem goes on? The first part of its text in, greedily decoded continuations out."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from assay.audits.recall import SHARES
from assay.files import Found, ignore
from assay.policies.load import Policy, as_policy
from assay.rollout.engine import Engine
from assay.rollout.parts import Parts, check_settings, write_whole
from assay.tasks import Task, check_machine, question_of, verify_all
from assay.types import Prompt, Sampling

Sets = Mapping[str, tuple[Task, Sequence[Prompt]]]
"""Name of a set ("suspect", "clean") -> the task that judges its answers, and its problems."""

SCHEMA = {
    "problem": pl.String, "set": pl.String, "share": pl.Float64, "tail": pl.String, "continuation": pl.String,
    "answer_in": pl.Boolean, "task": pl.String, "model": pl.String,
}  # fmt: skip


def cut(text: str, share: float) -> tuple[str, str]:
    """The first `share` of the words, rounded up, and the rest; words are apart by white space. Neither ends in any."""
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    given = math.ceil(share * len(ends))
    at = ends[given - 1] if given else 0
    return text[:at], text[at:].strip()


def continue_texts(
    engine: Engine, texts: Sequence[str], share: float, more_tokens: int = 0, advance: Callable[[int], None] = ignore
) -> list[tuple[str, str]]:
    """(tail, continuation) of each text that has one: greedy, without a template, `more_tokens` beyond the tail."""
    pairs = [pair for pair in (cut(text, share) for text in texts) if pair[1]]
    if not pairs:
        return []
    given = [Prompt("", str(index), None, "test", text=first) for index, (first, _) in enumerate(pairs)]
    tokenizer = engine.policy.tokenizer
    longest = max(len(tokenizer(tail, add_special_tokens=False)["input_ids"]) for _, tail in pairs)
    sampling = Sampling(temperature=0.0, max_new_tokens=longest + more_tokens)
    groups = engine.generate(given, 1, sampling, "plain", advance)
    return [(tail, group.samples[0].text) for (_, tail), group in zip(pairs, groups, strict=True)]


def probe_to_file(
    model: str | Policy,
    sets: Sets,
    out: Path,
    more_tokens: int,
    device: str = "auto",
    dtype: str = "auto",
    advance: Callable[[int], None] = ignore,
) -> Path:
    """Writes the Parquet file of docs/contamination.md for one model; the same call continues a stopped one.

    `advance` counts continuations. Raises DataError where the file, or parts of it, were made under other settings.
    """
    for task, _ in sets.values():
        check_machine(task)
    policy = as_policy(model, device, dtype)
    settings = {
        "model": policy.label,
        "device": policy.device.type,
        "dtype": str(policy.dtype).removeprefix("torch."),
        "more_tokens": more_tokens,
        "shares": list(SHARES),
        "problems": {name: [prompt.problem for prompt in prompts] for name, (_, prompts) in sets.items()},
    }
    check_settings(out, settings)
    parts = Parts(out, settings)
    if out.exists():
        advance(Found(len(SHARES) * sum(len(prompts) for _, prompts in sets.values())))
    else:
        done, engine = parts.read(), Engine(policy)
        for number, (name, share) in enumerate((name, share) for name in sets for share in SHARES):
            task, prompts = sets[name]
            if number in done:
                advance(Found(len(prompts)))
                continue
            rows = _rows(engine, task, prompts, share, more_tokens, advance)
            parts.add(number, pl.DataFrame([{**row, "set": name} for row in rows], schema=SCHEMA))
        read = parts.read()
        write_whole(out, pl.concat([read[number] for number in sorted(read)]), settings)
    parts.remove()
    return out


def _rows(
    engine: Engine,
    task: Task,
    prompts: Sequence[Prompt],
    share: float,
    more_tokens: int,
    advance: Callable[[int], None],
) -> Iterator[dict[str, Any]]:
    questions = [(prompt, question_of(task, prompt)) for prompt in prompts]
    asked = [(prompt, text) for prompt, text in questions if cut(text, share)[1]]
    continued = continue_texts(engine, [text for _, text in asked], share, more_tokens, advance)
    advance(len(prompts) - len(asked))
    scores = verify_all(task, [(prompt, said) for (prompt, _), (_, said) in zip(asked, continued, strict=True)])
    for (prompt, _), (tail, said), score in zip(asked, continued, scores, strict=True):
        yield {
            "problem": prompt.problem,
            "share": share,
            "tail": tail,
            "continuation": said,
            "answer_in": score.correct,
            "task": prompt.task,
            "model": engine.policy.label,
        }
