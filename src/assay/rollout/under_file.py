"""The columns `logprob_under` and `under` of a sample file, or `reward` and `reward_model` of a reward model.

Token ids are used as sampled where they are there and mean the same to the scoring model's tokenizer; else the text is
tokenised anew, and the number of such responses is told.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from assay.errors import DataError
from assay.files import Found, ignore, say_nothing
from assay.policies.load import Policy, as_policy
from assay.policies.reward_model import RewardModel
from assay.policies.templates import render, rendered_ids, template_hash
from assay.rollout.parts import Parts, settings_of, write_whole
from assay.rollout.under import Response, rewards_of, score_under
from assay.tasks import Task
from assay.types import Stop

CHUNK_ROWS = 4096
"""Rows of a part: what a kill can lose."""


def add_under(
    file: Path,
    under: str | Policy,
    device: str = "auto",
    dtype: str = "auto",
    advance: Callable[[int], None] = ignore,
    note: Callable[[str], None] = say_nothing,
) -> None:
    """Adds the two columns to a file of `assay sample`; a call that was stopped is continued by the same call."""
    policy = as_policy(under, device, dtype)
    frame = pl.read_parquet(file)
    settings = settings_of(file)
    assert settings is not None
    parts = Parts(file, {"under": policy.label, **settings}, kind="under.parts")
    present = frame["under"].drop_nulls().unique().to_list()
    if present == [policy.label]:
        parts.remove()
        advance(Found(frame.height))
        return
    if present:
        raise DataError(
            f"{file}: is scored under {', '.join(present)} already, not under {policy.label}; "
            f"write another file with: assay score {file} --under {policy.name} --out OUT"
        )
    unchanged = settings["temperature"] == 1 and settings["top_p"] == 1 and settings["top_k"] == 0
    if unchanged and settings["model"] == policy.label:  # that is what `logprob` is
        values = frame["logprob"]
        advance(Found(frame.height))
    else:
        values = score_rows(frame, policy, parts, advance=advance, note=note)
    write_whole(file, frame.with_columns(logprob_under=values, under=pl.lit(policy.label)), settings)
    parts.remove()


def score_rows(
    frame: pl.DataFrame,
    model: Policy | RewardModel,
    parts: Parts,
    tasks: Mapping[str | None, Task] | None = None,
    template: str = "auto",
    advance: Callable[[int], None] = ignore,
    note: Callable[[str], None] = say_nothing,
) -> pl.Series:
    """`logprob_under` of every row, or `reward`, part by part. Prompts are those in the rows, else the tasks'.

    `tasks` has the task of each value of the column `task`, or one for all under None.
    """
    name = "logprob_under" if isinstance(model, Policy) else "reward"
    reader = _Reader(model, tasks or {}, template)
    done = parts.read()
    for start in range(0, frame.height, CHUNK_ROWS):
        chunk = frame.slice(start, CHUNK_ROWS)
        if start in done:
            advance(Found(chunk.height))
            continue
        responses = reader.responses(chunk)
        if isinstance(model, Policy):
            values = score_under(model, responses, advance)
        else:
            values = rewards_of(model, responses, advance)
        done[start] = pl.DataFrame({name: values}, schema={name: pl.Float64})
        parts.add(start, done[start])
    if reader.anew:
        note(f"{reader.anew:,} responses were tokenised anew by {model.name}'s tokenizer")
    column = pl.concat([done[start] for start in sorted(done)])[name]
    if column.null_count():
        note(f"{column.null_count():,} responses are longer than {model.name} can read; they have no {name}")
    return column


class _Reader:
    """Rows as token ids for one model."""

    def __init__(self, policy: Policy | RewardModel, tasks: Mapping[str | None, Task], template: str) -> None:
        self.policy, self.tasks, self.template = policy, tasks, template
        self.anew = 0
        self.of_problem = cache(self._of_problem)
        self.of_text = cache(self._of_text)

    def responses(self, rows: pl.DataFrame) -> list[Response]:
        """Prompt and response of each row."""
        missing = [
            name for name in ("token_ids", "prompt", "stop", "template_hash", "task") if name not in rows.columns
        ]
        found = rows.with_columns(pl.lit(None).alias(name) for name in missing).to_dicts()
        ids = [self._sampled_ids(row) for row in found]
        texts = self._texts(ids, found)
        pairs = []
        for row, token_ids, text in zip(found, ids, texts, strict=True):
            whole = str(row["response"])
            same = text == whole or (row["stop"] == Stop.STRING and text is not None and text.startswith(whole))
            pairs.append(Response(self._prompt(row), token_ids if same and token_ids else self._tokenised(row)))
        return pairs

    def _sampled_ids(self, row: dict[str, Any]) -> list[int] | None:
        ids = row["token_ids"]
        if isinstance(self.policy, RewardModel) and row["stop"] is None:
            return None  # they may lack the end of sequence, or have it
        return ids if ids and max(ids) < self.policy.vocabulary_size else None

    def _texts(self, ids: Sequence[list[int] | None], rows: Sequence[dict[str, Any]]) -> list[str | None]:
        """What the ids say to this policy's tokenizer."""
        bodies = [
            [] if each is None else each[:-1] if row["stop"] == Stop.EOS else each
            for each, row in zip(ids, rows, strict=True)
        ]
        texts = self.policy.tokenizer.batch_decode(bodies, skip_special_tokens=True)
        return [None if each is None else text for each, text in zip(ids, texts, strict=True)]

    def _tokenised(self, row: dict[str, Any]) -> list[int]:
        self.anew += 1
        tokenizer = self.policy.tokenizer
        ids = list(tokenizer(str(row["response"]), add_special_tokens=False)["input_ids"])
        return [*ids, int(tokenizer.eos_token_id)] if self._ends(row) and tokenizer.eos_token_id is not None else ids

    def _ends(self, row: dict[str, Any]) -> bool:
        """Whether an end of sequence follows the text: a policy's own where the file says that it sampled one; a
        reward model was trained to read one after every response, so always but after one that was cut."""
        return row["stop"] == Stop.EOS or (isinstance(self.policy, RewardModel) and row["stop"] != Stop.LENGTH)

    def _prompt(self, row: dict[str, Any]) -> list[int]:
        if row["prompt"] is not None:
            return self.of_text(row["prompt"], row["template_hash"])
        return self.of_problem(None if None in self.tasks else row["task"], str(row["problem"]))

    def _of_problem(self, spec: str | None, problem: str) -> list[int]:
        if spec not in self.tasks:
            raise DataError(
                f"problem {problem!r}: there is no prompt to score its responses after; give --task, or a file with "
                "the column prompt"
            )
        return render(self.tasks[spec].prompt_of(problem), self.policy.tokenizer, self.template)[1]

    def _of_text(self, text: str, form: str | None) -> list[int]:
        plain = form in (None, template_hash(self.policy.tokenizer, "plain"))
        return rendered_ids(text, self.policy.tokenizer, "plain" if plain else "chat")
