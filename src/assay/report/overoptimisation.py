"""The report of over-optimisation: overoptimisation.json as one page: what became of the gold, arm by arm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.annotators import dials
from assay.files import ignore
from assay.report.cards import Tile
from assay.report.figure import Figure, Key, Table, level
from assay.report.html import write_page
from assay.report.look import colours, dashes
from assay.report.paths import Plane, Trace, path_chart
from assay.report.words import NOT_KNOWN, Show, bounds, change, compact, decimal, plural, signed, with_interval

Document = Mapping[str, Any]

ROOT = "√KL from the reference (nats a response)"
ACCENTS = {
    "over-optimised": "narrowed",
    "not over-optimised": "extended",
    "cannot be told": "neither",
    "not enough data": "neither",
}
"""Verdict -> the verdict of an audit whose colour the card bears."""
TABLE_ROWS = 12
SIMULATED = "Its preferences are simulated"


@dataclass(frozen=True)
class Card:
    """What is said of one arm."""

    arm: str
    colour: str
    word: str
    accent: str
    headline: str
    tiles: Sequence[Tile]
    more: str


def write_overoptimisation_report(
    document: Document, out: Path, images: bool = True, advance: Callable[[int], None] = ignore
) -> Path:
    """Writes OUT/report.html from the document `overoptimisation.json` (docs/overoptimisation.md); returns its path.

    With `images` the charts are also written as OUT/charts/NAME.svg and .png; `advance` counts them. Raises OSError
    where `out` cannot be written.
    """
    figures = [_figure(document, "gold", "Gold: share of right responses"), _figure(document, "proxy", "Proxy reward")]
    facts = {
        "document": document,
        "simulated": any(told["annotators"] for told in document["arms"].values()),
        "cards": [_card(document, arm) for arm in document["arms"]],
        "figures": figures,
        "changes": _changes(document),
        "learned": _learned(document),
        "runs": _runs(document),
        "settings": _settings(document),
    }
    return write_page("overoptimisation.html.jinja", figures, facts, out, images, advance)


def _card(document: Document, arm: str) -> Card:
    told = document["arms"][arm]
    proxy, gold, lost, peak = told["proxy"], told["gold"], told["lost_since_peak"], told["peak"]
    tiles = [
        _start_to_end("proxy", proxy),
        _start_to_end("gold", gold),
        Tile("gold lost since its peak", NOT_KNOWN if lost is None else change(lost["estimate"]), _lost(lost)),
        Tile("KL where gold peaks", _nats(peak["kl"]["estimate"]), _where(peak, len(told["seeds"]))),
    ]
    return Card(
        arm=arm,
        colour=colours(list(document["arms"]))[arm],
        word=told["verdict"].capitalize(),
        accent=ACCENTS[told["verdict"]],
        headline=_headline(told),
        tiles=tiles,
        more=_more(told),
    )


def _headline(told: Mapping[str, Any]) -> str:
    """The verdict in one plain sentence."""
    lost, proxy = told["lost_since_peak"], told["proxy"]["change"]
    match told["verdict"]:
        case "over-optimised":
            return (
                f"The proxy rose by {change(proxy['estimate'])}, while gold lost {decimal(lost['estimate'])} from its "
                "peak to the end: what was still learned was to please the proxy."
            )
        case "not over-optimised" if proxy["high"] <= 0:
            return "The proxy did not rise, so nothing was optimised, let alone too far."
        case "not over-optimised":
            return f"Gold lost no more than {decimal(max(0.0, lost['high']))} since its peak."
        case "cannot be told":
            return "These seeds cannot tell whether gold fell since its peak while the proxy rose."
    return "One seed gives no interval, and so no verdict; give runs of other seeds."


def _start_to_end(name: str, moved: Mapping[str, Any]) -> Tile:
    value = f"{decimal(moved['start']['estimate'])} → {decimal(moved['end']['estimate'])}"
    return Tile(f"{name}, start to end", value, with_interval(moved["change"], change))


def _lost(lost: Mapping[str, Any] | None) -> str:
    return "one seed: no other to say where the peak is" if lost is None else bounds(lost, change)


def _where(peak: Mapping[str, Any], seeds: int) -> str:
    spread = "one seed, no interval" if peak["kl"]["low"] is None else bounds(peak["kl"], _nats)
    at_end = f"; at its end in {peak['at_end']} of {seeds}" if peak["at_end"] else ""
    return f"{spread}; step {with_interval(peak['step'], _whole)}{at_end}"


def _more(told: Mapping[str, Any]) -> str:
    """Seeds, reward and where the mean's peak lies."""
    of_mean = told["peak"]["of_mean"]
    where = "at the end" if of_mean["at_end"] else f"at {_nats(of_mean['kl'])}, step {of_mean['step']:,}"
    simulated = f" {SIMULATED}: {dials(told['annotators'])}." if told["annotators"] else ""
    gold = "Gold" if len(told["seeds"]) == 1 else "Gold of the seeds' mean"
    return (
        f"{plural(len(told['seeds']), 'seed')}, {plural(told['steps']['known'], 'step')}, reward "
        f"{' + '.join(told['rewards'])}. {gold} is highest {where}: {decimal(of_mean['gold'])}. "
        f"KL at the end: {with_interval(told['kl']['end'], _nats)}.{simulated}"
    )


def _figure(document: Document, name: str, title: str) -> Figure:
    arms, settings = document["arms"], document["settings"]
    colour, dash = colours(list(arms)), dashes(list(arms))
    paths = [_trace(arm, told, name, colour[arm], dash[arm]) for arm, told in arms.items()]
    marked = "the diamond: where the gold of the mean is highest"
    many = any(len(told["seeds"]) > 1 for told in arms.values())
    drawn = "Bold: mean over the seeds at each step; thin: each seed" if many else "One seed an arm"
    simulated = " Simulated preferences." if any(told["annotators"] for told in arms.values()) else ""
    says = "; ".join(f"{arm}: {_course(told[name], told['curve'], name)}" for arm, told in arms.items())
    return Figure(
        name=name,
        title=f"{title} over the distance from the reference",
        chart=path_chart(paths, Plane(ROOT, name, ".2f")),
        says=says,
        method=f"{drawn}; {marked}. All are means over "
        f"{settings['window']} steps; axis as in arXiv 2210.10760.{simulated}",
        keys=[Key(path.label, path.colour, list(path.dash) != [1, 0]) for path in paths],
        table=_points(arms, name),
        wide=True,
    )


def _trace(arm: str, told: Mapping[str, Any], name: str, colour: str, dash: Sequence[int]) -> Trace:
    mean = told["curve"]
    rows = zip(mean["step"], mean["kl"], mean["proxy"], mean["gold"], strict=True)
    return Trace(
        label=arm,
        colour=colour,
        dash=dash,
        bold=list(zip(mean["sqrt_kl"], mean[name], strict=True)),
        told=[
            {"step": f"{step:,}", "KL": _nats(kl), "proxy": decimal(proxy), "gold": decimal(gold)}
            for step, kl, proxy, gold in rows
        ],
        thin=[list(zip(run["curve"]["sqrt_kl"], run["curve"][name], strict=True)) for run in told["runs"]]
        if len(told["runs"]) > 1
        else [],
        mark=mean["step"].index(told["peak"]["of_mean"]["step"]),
    )


def _course(moved: Mapping[str, Any], curve: Mapping[str, Any], name: str) -> str:
    words = f"{decimal(moved['start']['estimate'])} → {decimal(moved['end']['estimate'])}"
    return f"{words}, at most {decimal(max(curve['gold']))}" if name == "gold" else words


def _points(arms: Mapping[str, Any], name: str) -> Table:
    """At most `TABLE_ROWS` steps of each arm's mean, evenly spread, the first and the last among them."""
    rows = []
    for arm, told in arms.items():
        curve, size = told["curve"], len(told["curve"]["step"])
        count = min(size, TABLE_ROWS)
        for at in sorted({round(place * (size - 1) / max(1, count - 1)) for place in range(count)}):
            rows.append([arm, f"{curve['step'][at]:,}", compact(curve["kl"][at]), decimal(curve[name][at])])
    return Table(["arm", "step", "KL (nats)", name], rows)


def _changes(document: Document) -> Table:
    arms = document["arms"].values()
    rows = [
        ["seeds", *(str(len(told["seeds"])) for told in arms)],
        ["proxy, change", *(with_interval(told["proxy"]["change"], change) for told in arms)],
        ["gold, change", *(with_interval(told["gold"]["change"], change) for told in arms)],
        ["gold lost since its peak", *(with_interval(told["lost_since_peak"], change) for told in arms)],
        ["KL where gold peaks (nats)", *(with_interval(told["peak"]["kl"], _short) for told in arms)],
        ["KL at the end (nats)", *(with_interval(told["kl"]["end"], _short) for told in arms)],
    ]
    return Table(["", *document["arms"]], rows)


def _learned(document: Document) -> Table:
    """A row a trait and arm, so that the arms stand beneath each other."""
    arms = document["arms"]
    traits = list(dict.fromkeys((row["trait"], row["words"]) for told in arms.values() for row in told["learned"]))
    rows = []
    for trait, words in traits:
        show: Show = signed if trait == "length" else change
        plain: Show = (lambda value: decimal(value, 1)) if trait == "length" else decimal
        for arm, told in arms.items():
            for row in (row for row in told["learned"] if row["trait"] == trait):
                cells = [plain(row["first"]), plain(row["last"]), with_interval(row["change"], show)]
                rows.append([words, arm, str(row["seeds"]), *cells])
    return Table(["what", "arm", "seeds", "first", "last", "change"], rows)


def _runs(document: Document) -> Table:
    head = ["run", "arm", "seed", "gold is highest at", "there", "at the end", "proxy at the end", "stored steps"]
    rows = []
    for arm, told in document["arms"].items():
        for run in told["runs"]:
            stored = NOT_KNOWN if run["stored_steps"] is None else " and ".join(map(str, run["stored_steps"]))
            where = f"step {run['peak']['step']:,}, {_nats(run['peak']['kl'])}"
            ends = [decimal(run["peak"]["gold"]), *(decimal(run["curve"][name][-1]) for name in ("gold", "proxy"))]
            rows.append([run["run"], arm, str(run["seed"]), where, *ends, stored])
    return Table(head, rows)


def _settings(document: Document) -> Table:
    settings = document["settings"]
    rows = [
        ["base", document["base"]],
        ["reference", document["reference"]],
        ["task", ", ".join(f"{key} {value}" for key, value in document["task"].items())],
        ["window", plural(settings["window"], "step")],
        ["intervals", f"{level(settings)}, Student's over seeds"],
        ["a loss is called none below", str(settings["margin"])],
    ]
    for arm, told in document["arms"].items():
        differs = ", ".join(f"{key} {NOT_KNOWN if value is None else value}" for key, value in told["differs"].items())
        rows.append([f"arm {arm}", differs or "the only one"])
    return Table(["setting", "value"], rows)


def _nats(value: float) -> str:
    return _short(value) + " nats"


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _whole(value: float) -> str:
    return f"{value:,.0f}"
