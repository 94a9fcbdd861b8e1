"""The audit of over-optimisation: verdicts of made-up runs whose gold is known, and a maximum that does not deceive."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.audits.arms import make_arms
from assay.audits.overoptimisation import (
    CANNOT_TELL,
    FEW,
    NOT_OVER,
    OVER,
    lost_since_peak,
    measure,
    peak,
    smoothed,
    verdict,
)
from assay.audits.proxy_runs import read_runs
from assay.errors import AssayError, RunError
from assay.stats import t_interval
from assay.store import Run
from assay.types import Interval
from made_runs import made_run, reward_model_run, stored

STEPS = 40
HUMP = [0.3 + 0.02 * min(step, 20) - 0.01 * max(0, step - 20) for step in range(STEPS)]
"""Gold rises by .02 a step up to step 20, then falls by .01."""
RISEN = Interval(1.0, 0.5, 1.5)
"""The change of a proxy that surely rose."""
RISE = [0.3 + 0.01 * step for step in range(STEPS)]


def document(*paths: Path, window: int = 5, ignore: tuple[str, ...] = ()) -> dict[str, Any]:
    return measure(make_arms(read_runs(paths), ignore), window)


def only(found: dict[str, Any]) -> dict[str, Any]:
    [arm] = found["arms"].values()
    return arm


def shifted(gold: list[float], by: float) -> list[float]:
    return [value + by for value in gold]


@pytest.fixture
def two_arms(tmp_path: Path) -> list[Path]:
    """Without a penalty gold rises and falls, with it gold only rises; two seeds each, named in another order."""
    kl = ["algorithm.kl_coef=0.05", "algorithm.kl_measure=false"]
    return [
        made_run(tmp_path / "d", shifted(RISE, 0.02), 1, overrides=kl),
        made_run(tmp_path / "a", HUMP, 0, overrides=["name=first"]),
        made_run(tmp_path / "c", RISE, 0, overrides=kl),
        made_run(tmp_path / "b", shifted(HUMP, 0.02), 1, overrides=["name=second", "checkpoint.every=7"]),
    ]


def test_gold_that_rises_then_falls_is_over_optimised_and_gold_that_rises_is_not(two_arms: list[Path]) -> None:
    arms = document(*two_arms)["arms"]
    assert {label: (arm["verdict"], arm["seeds"]) for label, arm in arms.items()} == {
        "kl_coef 0": (OVER, [0, 1]),
        "kl_coef 0.05": (NOT_OVER, [0, 1]),
    }
    assert [run["run"] for run in arms["kl_coef 0"]["runs"]] == ["a", "b"]
    assert arms["kl_coef 0.05"]["differs"] == {"algorithm.kl_coef": 0.05}
    assert arms["kl_coef 0.05"]["peak"]["of_mean"]["at_end"] and arms["kl_coef 0.05"]["peak"]["at_end"] == 2
    assert arms["kl_coef 0.05"]["lost_since_peak"] == {"estimate": 0, "low": 0, "high": 0}


def test_peak_and_changes_by_hand(tmp_path: Path) -> None:
    """Window 3. Gold .1 .2 .6 .7 .8 .3 .2 .1 0, means .3 .5 .7 .6 .433 .2 .1: the peak is the window around step 3.

    KL of step s is s^2 / 10 nats: in the window around 3 (4 + 9 + 16) / 30; the other seed peaks a step later, at
    (9 + 16 + 25) / 30. Proxy goes from the mean of 0, 1, 2 to that of 6, 7, 8.
    """
    gold = [0.1, 0.2, 0.6, 0.7, 0.8, 0.3, 0.2, 0.1, 0.0]
    kl = [step**2 / 10 for step in range(9)]
    paths = [made_run(tmp_path / "a", gold, 0, kl=kl), made_run(tmp_path / "b", [0.1, *gold[:-1]], 1, kl=kl)]
    arm = only(document(*paths, window=3))
    own = t_interval(np.array([29 / 30, 50 / 30]))
    assert own is not None and own.low is not None and own.low < 0
    assert arm["peak"]["kl"] == pytest.approx({"estimate": own.estimate, "low": 0.0, "high": own.high})
    assert arm["peak"]["step"]["estimate"] == 3.5 and arm["peak"]["at_end"] == 0
    assert arm["runs"][0]["curve"]["step"] == [1, 2, 3, 4, 5, 6, 7]
    assert arm["runs"][0]["curve"]["gold"] == pytest.approx([0.3, 0.5, 0.7, 0.6, 1.3 / 3, 0.2, 0.1])
    assert arm["runs"][0]["curve"]["sqrt_kl"][2] == pytest.approx((29 / 30) ** 0.5)
    assert arm["proxy"]["change"] == pytest.approx({"estimate": 6, "low": 6, "high": 6})
    assert arm["gold"]["change"]["estimate"] == pytest.approx(((0.1 - 0.3) + (0.2 - 0.4 / 3)) / 2)
    assert arm["gold"]["start"]["estimate"] == pytest.approx((0.3 + 0.4 / 3) / 2)
    assert arm["gold"]["end"]["estimate"] == pytest.approx((0.1 + 0.2) / 2)
    assert arm["kl"]["end"]["estimate"] == pytest.approx((36 + 49 + 64) / 30)


def test_an_interval_of_a_kl_holds_its_estimate_also_below_0(tmp_path: Path) -> None:
    """KL of -.03, -.05, -.04 nats is noise around 0; of .1 and .5 nats the interval is cut at 0."""
    paths = [made_run(tmp_path / str(at), RISE, at, kl=[kl] * STEPS) for at, kl in enumerate((-0.03, -0.05, -0.04))]
    negative = only(document(*paths))["kl"]["end"]
    assert negative["low"] < negative["estimate"] < negative["high"] < 0
    assert negative["estimate"] == pytest.approx(-0.04)
    paths = [made_run(tmp_path / f"over-{at}", RISE, at, kl=[kl] * STEPS) for at, kl in enumerate((0.1, 0.5))]
    wide = only(document(*paths))["kl"]["end"]
    assert wide["low"] == 0 and wide["estimate"] == pytest.approx(0.3)


def test_loss_is_measured_where_the_other_seeds_peak_on_other_steps() -> None:
    """Window 3, nine steps: means over the even steps of every window, over its odd ones, and what follows, by hand."""
    a = np.array([0.0, 0.0, 0.8, 0.4, 0.8, 0.0, 0.0, 0.2, 0.0])
    b = np.array([0.1, 0.1, 0.1, 0.1, 0.5, 0.3, 0.9, 0.1, 0.1])
    # windows begin at 0 to 6; even members (0,2) (2) (2,4) (4) (4,6) (6) (6,8),
    # odd ones (1) (1,3) (3) (3,5) (5) (5,7) (7)
    a_even, a_odd = [0.4, 0.8, 0.8, 0.8, 0.4, 0.0, 0.0], [0.0, 0.2, 0.4, 0.2, 0.0, 0.1, 0.2]
    b_even, b_odd = [0.1, 0.1, 0.3, 0.5, 0.7, 0.9, 0.5], [0.1, 0.1, 0.1, 0.2, 0.3, 0.2, 0.1]
    assert smoothed(np.stack([a, b]), 3, 0) == pytest.approx(np.array([a_even, b_even]))
    assert smoothed(np.stack([a, b]), 3, 1) == pytest.approx(np.array([a_odd, b_odd]))
    # b's even steps peak at window 5, its odd ones at 4; a's even ones first at 1, its odd ones at 2
    lost_a = ((a_odd[5] - a_odd[6]) + (a_even[4] - a_even[6])) / 2
    lost_b = ((b_odd[1] - b_odd[6]) + (b_even[2] - b_even[6])) / 2
    assert lost_since_peak(np.stack([a, b]), 3) == pytest.approx([lost_a, lost_b])


def test_noise_around_a_flat_curve_is_rarely_called_over_optimised() -> None:
    """400 arms each of 2, 3 and 5 seeds whose gold does nothing: at most 5 % are called so (3 % were, of 4,000 each).

    Highest minus last, the loss as it meets the eye, would be called so in more than a third.
    """
    draw = np.random.default_rng(0)
    called, naive = 0, 0
    for seeds in (2, 3, 5):
        for _ in range(400):
            gold_ST = 0.5 + 0.02 * draw.standard_normal((seeds, STEPS))
            called += verdict(RISEN, t_interval(lost_since_peak(gold_ST, 5))) == OVER
            seen_SW = smoothed(gold_ST, 5)
            naive += verdict(RISEN, t_interval(seen_SW.max(axis=1) - seen_SW[:, -1])) == OVER
    assert called <= 60 and naive > 400


def test_a_walk_without_a_direction_is_rarely_called_over_optimised() -> None:
    """What a seed's policy keeps from step to step is in all its steps; only the other seeds do not know of it."""
    draw = np.random.default_rng(0)
    called = 0
    for _ in range(400):
        gold_ST = np.cumsum(0.01 * draw.standard_normal((4, STEPS)), axis=1)
        called += verdict(RISEN, t_interval(lost_since_peak(gold_ST, 5))) == OVER
    assert called <= 20


def test_verdicts() -> None:
    up, unsure, down = Interval(1, 0.5, 1.5), Interval(1, -0.5, 2.5), Interval(-1, -2, 0.0)
    fell, little, wide, slight = (
        Interval(0.1, 0.05, 0.2),
        Interval(0, -0.1, 0.04),
        Interval(0.1, -0.1, 0.3),
        (0.01, 0.04),
    )
    assert verdict(up, fell) == OVER
    assert verdict(up, Interval(0.02, *slight)) == OVER, "a loss that is sure is one, however small"
    assert verdict(unsure, fell) == CANNOT_TELL, "the proxy may not have risen"
    assert verdict(down, fell) == NOT_OVER, "without a rise of the proxy, gold fell for another reason"
    assert verdict(up, little) == NOT_OVER
    assert verdict(up, wide) == CANNOT_TELL
    assert verdict(Interval(1, None, None), None) == FEW


def test_one_seed_has_no_interval_and_no_loss(tmp_path: Path) -> None:
    found = document(made_run(tmp_path / "a", HUMP))
    arm = only(found)
    assert list(found["arms"]) == ["kl_coef 0"] and arm["differs"] == {}
    assert arm["verdict"] == FEW and arm["lost_since_peak"] is None
    assert arm["gold"]["change"]["low"] is None and arm["gold"]["change"]["estimate"] == pytest.approx(0.53 - 0.34)
    assert "one seed gives no interval" in arm["words"]


def test_the_first_of_equal_peaks_counts() -> None:
    assert peak(np.array([0.1, 0.7, 0.7 + 1e-16, 0.2])) == 1
    assert lost_since_peak(np.full((3, 12), 0.1 + 0.2), 5).tolist() == [0.0, 0.0, 0.0]


def test_a_step_with_an_unknown_number_is_left_out_of_the_whole_arm(tmp_path: Path) -> None:
    paths = [made_run(tmp_path / "a", [*HUMP[:9], None, *HUMP[10:]], 0), made_run(tmp_path / "b", HUMP, 1)]
    found = document(*paths)
    arm = only(found)
    assert arm["steps"] == {"known": 39, "left_out": 1}
    assert arm["runs"][1]["curve"]["step"][5:9] == [7, 8, 10, 11], "the middle of every window of known steps"
    assert "Left out of kl_coef 0, since a number is not known: 1 steps, over all its runs." in found["notes"]


def test_arms_are_told_apart_by_as_few_keys_as_it_takes(tmp_path: Path) -> None:
    one = ["algorithm.kl_coef=0.1", "optimizer.learning_rate=1e-5"]
    two = ["algorithm.kl_coef=0.2", "optimizer.learning_rate=1e-5"]
    paths = [made_run(tmp_path / "a", RISE), made_run(tmp_path / "b", RISE, overrides=two)]
    paths.append(made_run(tmp_path / "c", RISE, overrides=one))
    found = document(*paths)
    assert list(found["arms"]) == ["kl_coef 0", "kl_coef 0.1", "kl_coef 0.2"]
    assert found["arms"]["kl_coef 0.1"]["differs"] == {"algorithm.kl_coef": 0.1, "optimizer.learning_rate": 1e-5}
    paths.append(made_run(tmp_path / "d", RISE, overrides=["optimizer.learning_rate=1e-5"]))
    labels = list(document(*paths)["arms"])
    assert labels[:2] == ["kl_coef 0, learning_rate 1e-06", "kl_coef 0, learning_rate 1e-05"]


def test_what_is_ignored_may_differ_within_an_arm(tmp_path: Path) -> None:
    paths = [made_run(tmp_path / str(seed), RISE, seed, reward=f"model:rm-{seed}/model") for seed in (0, 1)]
    assert list(document(*paths)["arms"]) == ["rm-0", "rm-1"]
    assert only(document(*paths, ignore=("reward.functions",)))["seeds"] == [0, 1]
    with pytest.raises(RunError, match=r"--ignore reward\.function: no recipe .* did you mean 'reward\.functions'"):
        document(*paths, ignore=("reward.function",))


def test_a_reward_model_of_simulated_preferences_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dials = "right 1, longer 0.05, noise 1, seed 0"
    model = reward_model_run(tmp_path / "rm", [f"simulated: {dials}"])
    paths = [made_run(tmp_path / str(seed), HUMP, seed, reward=f"model:{model}/model") for seed in (0, 1)]
    found = document(*paths)
    arm = only(found)
    assert arm["annotators"] == [f"simulated: {dials}"] and arm["words"].startswith(
        "kl_coef 0, simulated preferences: over-optimised: "
    )
    assert f"The proxy was trained on preferences that are simulated: {dials}." in found["notes"]
    for path in paths:
        Run(path).update_manifest(reward_annotators={f"model:{model}/model": ["simulated: right 9"]})
    Run(model).update_manifest(annotators=[])
    assert only(document(*paths))["annotators"] == ["simulated: right 9"], "what the run itself says"
    monkeypatch.chdir(model)  # a name that is no folder says nothing of the run that we stand in
    gone = document(made_run(tmp_path / "gone", HUMP, 2, reward="model:elsewhere"))
    assert "Nothing says whether the preferences behind model:elsewhere were simulated." in gone["notes"]
    assert "simulated preferences" not in only(gone)["words"]


def test_what_was_learned_is_last_minus_first(tmp_path: Path) -> None:
    """Seed 0: lengths 10, 20 -> 30, 50; sure 1 of 2 -> 2 of 2. Seed 1: 10, 10 -> 10, 30; sure 0 -> 1 of 2."""
    paths = [made_run(tmp_path / str(seed), HUMP, seed) for seed in (0, 1)]
    sure = [["sure", None], ["sure", "sure"], [None, "unsure"], ["sure", "unsure"]]
    lengths = [[10, 20], [30, 50], [10, 10], [10, 30]]
    for at, path in enumerate(paths):
        for step, place in ((0, 2 * at), (30, 2 * at + 1)):
            pairs = zip(lengths[place], sure[place], strict=True)
            stored(path, step, [{"length_tokens": n, "confidence": c, "form": None} for n, c in pairs])
        stored(path, 10, [{"length_tokens": 10**6}])
    found = document(*paths)
    length, confident = only(found)["learned"]
    assert (length["first"], length["last"], length["change"]["estimate"]) == (12.5, 30, 17.5)
    expected = t_interval(np.array([25.0, 10.0]))
    assert expected is not None and length["change"]["high"] == pytest.approx(expected.high)
    assert (confident["trait"], confident["first"], confident["last"]) == ("sure", 0.25, 0.75)
    assert "Share by code: the stored samples of any run have nothing in 'strategy'." in found["notes"]
    assert "Share right: the stored samples of any run have nothing in 'correct'." in found["notes"]
    assert [run["stored_steps"] for run in only(found)["runs"]] == [[0, 30], [0, 30]]


def test_a_run_that_stored_nothing_is_said(tmp_path: Path) -> None:
    found = document(made_run(tmp_path / "a", HUMP))
    assert only(found)["learned"] == []
    assert "a stored fewer than two steps of samples, so what it learned is not told." in found["notes"]


def changed_metrics(path: Path, **numbers: Any) -> Path:
    rows = Run(path).read_metrics()
    kept = [{k: v for k, v in (row | numbers).items() if v != "absent"} for row in rows]
    Run(path).metrics.write_text("".join(json.dumps(row) + "\n" for row in kept))
    return path


def refused(*paths: Path, window: int = 5) -> str:
    with pytest.raises(AssayError) as caught:
        document(*paths, window=window)
    return str(caught.value)


def test_runs_that_cannot_be_used_are_a_sentence(tmp_path: Path) -> None:
    good = made_run(tmp_path / "good", RISE)
    assert "no run there" in refused(tmp_path / "nowhere")
    assert refused(good, good) == f"{good}: is given twice; give every run once"
    no_kl = changed_metrics(made_run(tmp_path / "kl", RISE, 1), kl="absent")
    assert "no step has a number 'kl'; set algorithm.kl_measure = true" in refused(good, no_kl)
    no_gold = changed_metrics(made_run(tmp_path / "gold", RISE, 1), **{"rewards/true/mean": None})
    assert "no response was judged" in refused(no_gold)
    going = made_run(tmp_path / "going", RISE, 1)
    Run(going).update_manifest(status="running")
    assert "is not finished (40 of 40 steps)" in refused(going) and f"--resume {going}" in refused(going)
    assert "has seed 0 and the recipe of" in refused(good, made_run(tmp_path / "again", RISE, 0))
    assert "two windows of 5 need 10" in refused(made_run(tmp_path / "short", RISE[:9]))
    assert "--window 4: expected an odd number" in refused(good, window=4)
    moving = ["algorithm.kl_coef=0.1", "algorithm.reference_reset=10"]
    assert "its reference moves" in refused(made_run(tmp_path / "moving", RISE, overrides=moving))
    model = reward_model_run(tmp_path / "rm", [])
    assert "recipe.toml: cannot be read" in refused(model)


def test_runs_of_different_experiments_are_refused(tmp_path: Path) -> None:
    good = made_run(tmp_path / "good", RISE)
    for key, value in (("task.part", "seen"), ("model.base", "other"), ("model.reference", "other")):
        other = made_run(tmp_path / key, RISE, 1, overrides=[f"{key}={value}"])
        assert f"its {'task' if 'task' in key else key} is " in refused(good, other)
        assert repr(value) in refused(good, other)
    models = [made_run(tmp_path / str(seed), RISE, seed, reward="model:rm") for seed in (0, 1)]
    for path, version in zip(models, ("abc", "def"), strict=True):
        Run(path).update_manifest(reward_models={"model:rm": version})
    assert "its reward model:rm had the weights def, and in" in refused(*models)
