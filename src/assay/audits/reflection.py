"""How often responses reflect, by lists of phrases; whether it goes with being right; and what trying again did.

After Liu et al. 2025, arXiv 2503.20783, whose programs count responses with a phrase and problems with one such
response; a phrase is a word and no proof of a thought. Shape legend: M problems; n judged responses to a problem whose
text is known, r of them with a phrase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.audits import Result, interval_finding, interval_json
from assay.audits.inputs import Inputs, Model
from assay.audits.paired import METHOD as PAIRED
from assay.audits.paired import change_finding, change_json, paired_change
from assay.audits.phrases import column
from assay.audits.verdict import Change
from assay.stats import Answers, Counts, Floats, difference_interval, mean_interval, ratio_pseudo_values, t_interval
from assay.types import Interval

LABELS = ("confirm", "repair", "break", "loop", "miss")
NO_RISE, WITH, AGAINST, NOT_SHOWN = "no rise", "with accuracy", "against accuracy", "not shown"
LEAST = 8
"""Problems below which nothing is said of changes that go together."""
RATE_METHOD = "share of judged responses with a phrase, mean over problems; Wilson interval over problems"
WITHIN_METHOD = (
    "accuracy with minus accuracy without a phrase within each problem that has both; sign-flip interval over problems"
)
TOGETHER_METHOD = (
    "correlation over problems of the change of the rate in one half of the responses with the change of accuracy in "
    "the other half, mean of both ways, so that what the same responses share does not count; Student interval"
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Per problem, int64 [M] each: responses, those with a phrase, right ones, right ones with a phrase."""

    n_M: Counts
    with_M: Counts
    right_M: Counts
    both_M: Counts

    def rate(self) -> Floats:
        """Share of responses with a phrase."""
        return self.with_M / self.n_M

    def any(self, k: int) -> Floats:
        """Chance that one at least of k responses has a phrase; for k = n whether one has."""
        return Answers(self.n_M, self.with_M).pass_at_k(k)

    def within(self) -> tuple[Floats, Floats]:
        """Accuracy with and without a phrase, of the problems that have both kinds."""
        without_M = self.n_M - self.with_M
        rows = (self.with_M > 0) & (without_M > 0)
        right_without_M = self.right_M - self.both_M
        return self.both_M[rows] / self.with_M[rows], right_without_M[rows] / without_M[rows]


@dataclass(frozen=True, slots=True)
class Reflection:
    """What one model's responses show by one list of phrases: all of them, and each half."""

    whole: Tally
    halves: tuple[Tally, Tally]


def audit(inputs: Inputs) -> Result:
    """Rates, accuracy with and without a phrase, and exact labels where the files have them."""
    shared = _shared(inputs)
    found = {model.label: _reflections(model, inputs.phrases, shared) for model in inputs.models}
    labels = {model.label: _labels(model, len(inputs.problems)) for model in inputs.models}
    k = min((int(each.whole.n_M.min()) for told in found.values() for each in told.values()), default=0)
    result = Result({"reflection": {}})
    for model in inputs.models:
        phrases = {name: _phrase(result, model.label, name, each, k) for name, each in found[model.label].items()}
        result.document["reflection"][model.label] = _record(phrases, _label_shares(model, labels[model.label]))
    base = inputs.base.label
    for model in inputs.tuned:
        pairs = {name: (found[base][name], each) for name, each in found[model.label].items() if name in found[base]}
        phrases = {name: _phrase_change(result, inputs, model, name, *pair, k) for name, pair in pairs.items()}
        changes = _label_changes(result, inputs, model, labels[base], labels[model.label])
        result.comparisons[model.label] = {"reflection": _record(phrases, changes)}
    return result


def _record(phrases: Mapping[str, Any], labels: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {"phrases": phrases or None, "labels": labels} if phrases or labels else None


def _shared(inputs: Inputs) -> list[int]:
    """Positions of the problems to which every model with texts has a judged response with text."""
    left = set(range(len(inputs.problems)))
    for model in inputs.models:
        for name in inputs.phrases:
            if model.has(column(name)):
                left &= set(_judged(model, column(name))["index"].unique())
    return sorted(left)


def _judged(model: Model, known: str) -> pl.DataFrame:
    assert model.rows is not None
    return model.rows.filter(pl.col("correct").is_not_null() & pl.col(known).is_not_null())


def _reflections(model: Model, phrases: Mapping[str, Sequence[str]], problems: Sequence[int]) -> dict[str, Reflection]:
    """By list of phrases; empty where the file has no texts or no problem can be compared."""
    found = {}
    for name in phrases:
        if problems and model.has(column(name)):
            rows = _judged(model, column(name)).select("index", "correct", "half", phrase=column(name))
            whole = _tally(rows, problems)
            halves = tuple(_tally(rows.filter(pl.col("half") == half), problems) for half in (False, True))
            found[name] = Reflection(whole, (halves[0], halves[1]))
    return found


def _tally(rows: pl.DataFrame, problems: Sequence[int]) -> Tally:
    table = rows.group_by("index").agg(
        n=pl.len(),
        phrase=pl.col("phrase").sum(),
        right=pl.col("correct").sum(),
        both=(pl.col("phrase") & pl.col("correct")).sum(),
    )
    every = pl.DataFrame({"index": problems}, schema={"index": table.schema["index"]})
    table = every.join(table, on="index", how="left", maintain_order="left").fill_null(0)
    return Tally(*(table[name].to_numpy().astype(np.int64) for name in ("n", "phrase", "right", "both")))


def _phrase(result: Result, label: str, name: str, found: Reflection, k: int) -> dict[str, Any]:
    tally = found.whole
    trials, problems = int(tally.n_M.sum()), len(tally.n_M)
    rate, any_of_k = mean_interval(tally.rate(), trials), mean_interval(tally.any(k), trials)
    with_M, without_M = tally.within()
    within = difference_interval(with_M, without_M)
    add = result.findings.append
    add(interval_finding("reflection", label, f"responses with a phrase ({name})", rate, problems, RATE_METHOD))
    claim = f"problems with one at least among {k} responses ({name})"
    add(interval_finding("reflection", label, claim, any_of_k, problems, RATE_METHOD))
    if within is not None:
        claim = f"accuracy with minus without a phrase ({name})"
        add(interval_finding("reflection", label, claim, within, len(with_M), WITHIN_METHOD))
    return {
        "rate": interval_json(rate),
        "any": {"k": k, **(interval_json(any_of_k) or {})},
        "responses": int(tally.with_M.sum()),
        "of": trials,
        "accuracy_with": interval_json(_accuracy(tally.both_M, tally.with_M)),
        "accuracy_without": interval_json(_accuracy(tally.right_M - tally.both_M, tally.n_M - tally.with_M)),
        "within": None if within is None else {**(interval_json(within) or {}), "problems": len(with_M)},
    }


def _accuracy(right_M: Counts, count_M: Counts) -> Interval | None:
    if not count_M.sum():
        return None
    return t_interval(ratio_pseudo_values(right_M.astype(np.float64), count_M.astype(np.float64)))


def _labels(model: Model, problems: int) -> dict[str, Floats] | None:
    """Share of each problem's judged responses with each label; None where the file has none."""
    if not model.has("reflection"):
        return None
    assert model.rows is not None
    rows = model.rows.filter(pl.col("correct").is_not_null())
    table = rows.group_by("index").agg(**{name: (pl.col("reflection") == name).sum() / pl.len() for name in LABELS})
    shares = {}
    for name in LABELS:
        shares[name] = np.zeros(problems)
        shares[name][table["index"].to_numpy()] = table[name].fill_null(0).to_numpy()
    return shares


def _label_shares(model: Model, labels: Mapping[str, Floats] | None) -> dict[str, Any] | None:
    if labels is None:
        return None
    trials = int(model.answers.n_M.sum())
    return {name: interval_json(mean_interval(share_M, trials)) for name, share_M in labels.items()}


def _phrase_change(
    result: Result, inputs: Inputs, model: Model, name: str, base: Reflection, tuned: Reflection, k: int
) -> dict[str, Any]:
    problems = len(base.whole.n_M)
    rate = paired_change(base.whole.rate(), tuned.whole.rate())
    any_of_k = paired_change(base.whole.any(k), tuned.whole.any(k))
    correlation = together(base, tuned)
    outcome, words = tell(rate, correlation, name)
    claim = f"change of responses with a phrase ({name}) since {inputs.base.label}"
    add = result.findings.append
    add(change_finding("reflection", model.label, claim, rate, problems, f"{RATE_METHOD}; {PAIRED}"))
    claim = f"whether a rise of the rate ({name}) goes with a rise of accuracy: {words}"
    told = interval_finding("reflection", model.label, claim, correlation, problems, TOGETHER_METHOD)
    add(replace(told, verdict=outcome))
    return {
        "rate": change_json(rate, problems),
        "any": {"k": k, **(change_json(any_of_k, problems) or {})},
        "together": {"outcome": outcome, "words": words, "correlation": interval_json(correlation)},
    }


def together(base: Reflection, tuned: Reflection) -> Interval | None:
    """Correlation over problems of the change of the rate with the change of accuracy, from different halves.

    Within a model, right and reflecting may be one and the same response, and then the luck of a draw alone would make
    the two changes go together. None where fewer than `LEAST` problems have judged responses of both models in both
    halves, and where either change is the same everywhere.
    """
    rows = np.logical_and.reduce([half.n_M > 0 for each in (base, tuned) for half in each.halves])
    if rows.sum() < LEAST:
        return None
    changes = [_changes(before, after, rows) for before, after in zip(base.halves, tuned.halves, strict=True)]
    if any(values.std() == 0 for pair in changes for values in pair):
        return None
    (rate_a, right_a), (rate_b, right_b) = (tuple(map(_standard, pair)) for pair in changes)
    return t_interval((rate_a * right_b + rate_b * right_a) / 2)


def _changes(base: Tally, tuned: Tally, rows: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Change of the rate and of the accuracy of these problems."""
    (before, after) = ((each.with_M[rows], each.right_M[rows], each.n_M[rows]) for each in (base, tuned))
    return after[0] / after[2] - before[0] / before[2], after[1] / after[2] - before[1] / before[2]


def _standard(values_M: Floats) -> Floats:
    return (values_M - values_M.mean()) / values_M.std()


def tell(rate: Change | None, correlation: Interval | None, name: str) -> tuple[str, str]:
    """The outcome and a sentence: whether a rise of the rate goes with a rise of accuracy, problem by problem."""
    if rate is None or rate.low <= 0:
        return NO_RISE, f"The rate of {name} did not clearly rise."
    rose = f"The rate of {name} rose from {rate.base:.3f} to {rate.tuned:.3f}"
    if correlation is None or correlation.low is None or correlation.high is None:
        return NOT_SHOWN, f"{rose}; too few problems, or too few changes, to say whether accuracy rises with it."
    seen = f"correlation {correlation.estimate:+.2f}, {correlation.low:+.2f} to {correlation.high:+.2f}"
    if correlation.low > 0:
        return WITH, f"{rose}, and more so on problems whose accuracy rose more ({seen})."
    if correlation.high < 0:
        return AGAINST, f"{rose}, and more so on problems whose accuracy rose less or fell ({seen})."
    return NOT_SHOWN, f"{rose}, but whether more so where accuracy rose more is not shown ({seen})."


def _label_changes(
    result: Result,
    inputs: Inputs,
    model: Model,
    base: Mapping[str, Floats] | None,
    tuned: Mapping[str, Floats] | None,
) -> dict[str, Any] | None:
    if base is None or tuned is None:
        return None
    problems = len(inputs.problems)
    changes = {name: paired_change(base[name], tuned[name]) for name in LABELS}
    for name, change in changes.items():
        claim = f"change of responses whose trying again is labelled {name} since {inputs.base.label}"
        result.findings.append(change_finding("reflection", model.label, claim, change, problems, PAIRED))
    return {name: change_json(change, problems) for name, change in changes.items()}
