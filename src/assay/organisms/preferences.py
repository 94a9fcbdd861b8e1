"""A simulated annotator's preferences over the responses of a sample file, as ordinary preference rows. No torch.

The format of the rows is that of docs/decisions/0012-preferences.md.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from assay.annotators import OF_TRACES, TRAITS, Annotator, Response, check_dials
from assay.errors import DataError
from assay.files import ignore
from assay.recipe import derive_seed
from assay.samples import read_samples
from assay.types import Stop

COLUMNS = ("member", "task", "prompt", "response", "length_tokens", "stop", "strategy", *OF_TRACES)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The responses of a problem that the annotator can judge."""

    problem: str
    prompt: str
    task: str | None
    responses: tuple[Response, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Two or more different responses of a problem, in no telling order, and the rank of each; 1 is the best."""

    of: Candidates
    responses: tuple[Response, ...]
    ranks: tuple[int, ...]

    @property
    def best_first(self) -> list[Response]:
        """The responses in the order of their ranks."""
        return [self.responses[index] for index in sorted(range(len(self.ranks)), key=self.ranks.__getitem__)]


def read_candidates(path: Path, annotator: Annotator) -> tuple[list[Candidates], int]:
    """The problems of a sample file, in the order of their names, and how many responses had to be left out.

    Left out are responses of which a trait that the annotator weighs is not known, and those that were cut for their
    length: a preference row ends where the response does, and who learns from it would take the cut for an end. Where
    the file does not number the responses, they are numbered in the order of their texts. Raises DataError for a file
    without prompts or responses, or where a problem has several prompts, and RecipeError for a dial on what the file
    does not say.
    """
    file = read_samples(path, COLUMNS)
    frame = file.frame
    if file.format == "counts":
        raise DataError(f"{path}: holds counts; expected a row a response, with its text, as assay sample writes them")
    for name in ("prompt", "response"):
        if name not in frame.columns:
            raise DataError(f"{path}: no row has the column {name!r}; expected it as assay sample writes it")
        empty = frame.filter(pl.col(name).is_null())
        if empty.height:
            raise DataError(
                f"{path}, column {name!r}: is empty in a row of problem {empty['problem'][0]!r}; "
                "expected text; remove such rows"
            )
    check_dials(path, frame, annotator)
    if "member" not in frame.columns or frame["member"].null_count():
        frame = frame.sort("problem", "response").with_columns(member=pl.int_range(pl.len()).over("problem"))
    found, left_out = [], 0
    for rows in frame.sort("problem", "member").partition_by("problem", maintain_order=True):
        candidates, without = _candidates(path, rows, annotator)
        found.append(candidates)
        left_out += without
    return found, left_out


def rank_candidates(
    problems: Sequence[Candidates],
    annotator: Annotator,
    size: int,
    per_problem: int = 1,
    advance: Callable[[int], None] = ignore,
) -> list[Ranking]:
    """At most `per_problem` rankings a problem, each of `size` different responses, or of as many as there are.

    No response is in two rankings, so that they are independent, and no text is twice in one.
    """
    rankings = []
    for each in problems:
        for group in draw_groups(each, annotator.seed, size, per_problem):
            rankings.append(Ranking(each, tuple(group), tuple(annotator.ranks(each.problem, group))))
        advance(1)
    return rankings


def draw_groups(of: Candidates, seed: int, size: int, count: int) -> list[list[Response]]:
    """At most `count` disjoint groups of 2 to `size` responses with different texts, drawn at random.

    Each takes the next responses, in a random order that seed, problem and number decide, whose text it has not yet; so
    a text that was sampled often is in many groups, as it would be among fresh samples.
    """
    left = sorted(of.responses, key=lambda each: derive_seed(seed, "order", of.problem, each.member))
    groups: list[list[Response]] = []
    while len(groups) < count:
        group: dict[str, Response] = {}
        for response in left:
            if len(group) < size:
                group.setdefault(response.text, response)
        if len(group) < 2:
            break
        groups.append(list(group.values()))
        taken = {response.member for response in group.values()}
        left = [response for response in left if response.member not in taken]
    return groups


def pair_row(ranking: Ranking, annotator: str) -> dict[str, Any]:
    """The row of a ranking of two; `annotator` is `Annotator.describe()`."""
    chosen, rejected = ranking.best_first
    return {
        "prompt": ranking.of.prompt,
        "chosen": chosen.text,
        "rejected": rejected.text,
        "problem": ranking.of.problem,
        "task": ranking.of.task,
        "annotator": annotator,
        "chosen_correct": chosen.correct,
        "rejected_correct": rejected.correct,
    }


def ranking_row(ranking: Ranking, annotator: str) -> dict[str, Any]:
    """The row of a ranking; `annotator` is `Annotator.describe()`."""
    return {
        "prompt": ranking.of.prompt,
        "responses": [response.text for response in ranking.responses],
        "ranks": list(ranking.ranks),
        "problem": ranking.of.problem,
        "task": ranking.of.task,
        "annotator": annotator,
        "correct": [response.correct for response in ranking.responses],
    }


def tally(rankings: Iterable[Ranking]) -> dict[str, tuple[int, int]]:
    """Dial -> of the pairs in the rankings whose responses are known to differ in its trait, in how many the one with
    more of it was preferred; and how many they are.
    """
    won, pairs = dict.fromkeys(TRAITS, 0), dict.fromkeys(TRAITS, 0)
    for ranking in rankings:
        for better, worse in combinations(ranking.best_first, 2):
            for name, trait in TRAITS.items():
                more, less = trait.of(better), trait.of(worse)
                if more is not None and less is not None and more != less:
                    won[name] += more > less
                    pairs[name] += 1
    return {name: (won[name], pairs[name]) for name in TRAITS}


def _candidates(path: Path, rows: pl.DataFrame, annotator: Annotator) -> tuple[Candidates, int]:
    """What can be judged of one problem's rows, and how many rows cannot."""
    first = rows.row(0, named=True)
    if rows["prompt"].n_unique() > 1:
        raise DataError(
            f"{path}: problem {first['problem']!r} has {rows['prompt'].n_unique()} different prompts; "
            "responses are compared after one; give a file with one prompt a problem"
        )
    responses = [Response.of(row) for row in rows.iter_rows(named=True)]
    cut = [row.get("stop") == Stop.LENGTH for row in rows.iter_rows(named=True)]
    known = tuple(each for each, is_cut in zip(responses, cut, strict=True) if annotator.knows(each) and not is_cut)
    return Candidates(first["problem"], first["prompt"], first.get("task"), known), len(responses) - len(known)
