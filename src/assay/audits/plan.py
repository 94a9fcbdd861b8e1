"""What a setting can show, as a document and in sentences: power at some changes, and what each would take."""

from dataclasses import asdict
from typing import Any

from assay import __version__
from assay.audits.power import MOST, POWER, Setting, limits, needed, power, smallest_change
from assay.seeds import over_what

SCHEMA = "assay.plan/1"
CHANGES = (0.01, 0.03, 0.1)
"""Changes of pass@1 that are looked at."""


def make_plan(setting: Setting) -> dict[str, Any]:
    """What the setting can show; changes are of pass@1, None where it has no room for one or no number is enough."""
    return {
        "schema": SCHEMA,
        "assay_version": __version__,
        "setting": asdict(setting),
        "over": over_what(setting.seeds),
        "power": POWER,
        "most": dict(MOST),
        "smallest_change": smallest_change(setting),
        "limits": limits(setting),
        "changes": [
            {
                "change": change,
                "power": power(setting, change),
                "needed": {what: needed(setting, change, what) for what in MOST},
            }
            for change in CHANGES
        ],
    }


def sentences(plan: dict[str, Any]) -> list[str]:
    """The setting, what is assumed, the smallest change that is seen, and what keeps it from being smaller."""
    told, base = plan["setting"], plan["setting"]["difficulty"]
    seeds = "1 seed" if told["seeds"] == 1 else f"{told['seeds']:,} seeds"
    of = f"a recipe of {seeds} against its base" if told["arms"] == 1 else f"two recipes of {seeds} each"
    lines = [
        f"Compared: {of}, on {told['problems']:,} problems, {told['answers']:,} answers to each.",
        f"Assumed: the base has pass@1 {base['pass_at_1']:.3f}, {base['alike']:.0%} of an answer's variance lies "
        f"between problems; changes spread by {told['change_spread']:.3f} over problems and means by "
        f"{told['seed_spread']:.3f} over seeds (standard deviations).",
    ]
    smallest, least = plan["smallest_change"], {what: points(each) for what, each in plan["limits"].items()}
    seen = f"seen with power {plan['power']:g}"
    if smallest is None:
        lines.append(f"No rise that pass@1 has room for is {seen}.")
    else:
        lines.append(f"The smallest change of pass@1 {seen} is {points(smallest)}, over {plan['over']}.")
    lines.append(
        f"What limits it: however many answers, {least['answers']}; however many problems, {least['problems']}; with "
        f"{plan['most']['seeds']} seeds, {least['seeds']}."
    )
    if told["tests"] > 1:
        lines.append(
            f"{told['tests']:,} tests share the 5 %, and this change is taken to be the only one that is there; with "
            "others beside it less is asked of each."
        )
    if told["seeds"] == 1:
        lines.append(
            "One seed shows a change of this one model; what another seed of the recipe would show is not in it. The "
            "numbers of seeds below are what the recipe's own change takes."
        )
    return lines


def points(change: float | None) -> str:
    """0.0312 -> '3.1 points'; None is none that there is room for."""
    if change is None:
        return "none"
    if change < 0.0005:
        return "below 0.1 points"
    return f"{100 * change:.1f} points"
