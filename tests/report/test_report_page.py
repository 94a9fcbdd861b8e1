"""report.html of an audit: self-contained, inert whatever it shows, verdict first, and nothing unknown drawn as 0."""

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assay.report.html import inert_json
from assay.report.page import write_audit_report
from conftest import HOSTILE, audit


class Page(HTMLParser):
    """A page as a browser takes it apart: tags with their attributes, text, and what is in script elements."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text("utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.inside = ""
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside = tag
            if tag == "script":
                self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif not self.inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(whole_findings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(write_audit_report(whole_findings, tmp_path_factory.mktemp("page"), images=False))


def test_it_loads_nothing(page: Page) -> None:
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        assert str(attributes.get("href", "#")).startswith(("#", "data:,")), (tag, attributes)
    assert not re.search(r"@import|url\(", page.source[: page.source.index("</style>")])


def test_hostile_text_is_shown_and_never_run(page: Page) -> None:
    """It is in problems, prompts and responses. Only our scripts exist, and the policy allows just these by hash."""
    assert page.text.count(HOSTILE) > 5
    assert "img" not in {tag for tag, _ in page.tags}
    assert len(page.scripts) == 3
    policy = next(str(a["content"]) for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts[1:]]
    assert policy.endswith("script-src " + " ".join(f"'sha256-{each}'" for each in hashes))
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy


def test_every_place_has_its_chart_and_the_chart_code_is_there_once(page: Page) -> None:
    places = [a["data-chart"] for _, a in page.tags if "data-chart" in a]
    specs = json.loads(page.scripts[0])
    assert places == list(specs)
    assert len(places) == len(set(places)) == 14
    assert page.source.count("window.vegaEmbed=") == 1
    assert all(spec["width"] == "container" and "$schema" in spec for spec in specs.values())


def test_charts_are_described_for_those_who_cannot_see_them(page: Page) -> None:
    for _, attributes in page.tags:
        if "data-chart" in attributes:
            assert attributes["role"] == "img"
            assert len(str(attributes["aria-label"])) > 30


def test_the_verdict_comes_first(page: Page, whole_findings: dict[str, Any]) -> None:
    comparison = whole_findings["comparisons"]["tuned"]
    for sentence in (comparison["why"], comparison["overturn"]):
        assert " ".join(sentence.split()) in page.text
    assert page.source.index('class="verdict') < page.source.index("<figure")
    assert page.text.index(comparison["verdict"].capitalize()) < page.text.index("What k tries reach")


def test_method_and_n_stand_under_every_figure(page: Page) -> None:
    methods = re.findall(r'<p class="method">(.*?)</p>', page.source)
    assert len(methods) == 14
    assert all(re.search(r"\d+ (problem|answer|response)s?|under base", method) for method in methods)


def test_settings_and_findings_are_listed(page: Page, whole_findings: dict[str, Any]) -> None:
    assert "prompt wording few-shot few-shot" in page.text
    assert "problems and golds, hash 0123456789ab 0123456789ab" in page.text
    for words in ("temperature", "answers a problem, at least (n)", "truncated, share", "could not be judged, share"):
        assert words in page.text
    for finding in whole_findings["findings"]:
        assert " ".join(finding["claim"].split()) in page.text


def test_json_in_a_page_cannot_end_its_element() -> None:
    value = {"a": f"{HOSTILE} & \u2028\u2029 ü"}
    text = inert_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_unknown_numbers_are_said_to_be_unknown(findings: dict[str, Any], tmp_path: Path) -> None:
    comparison = findings["comparisons"]["tuned"]
    comparison["evidence"]["pass_at_1"] = comparison["evidence"]["pass_at_K"] = None
    comparison["crossover"] = {"k": None, "low": None, "high": None}
    comparison["support"] |= {"SRR": None}
    findings["settings"]["models"]["base"] |= {"truncated_share": None, "temperature": None}
    findings["settings"]["models"]["tuned"]["truncated_share"] = 0.25
    page = Page(write_audit_report(findings, tmp_path, images=False))
    assert "pass@1, first try not known no problems are left to tell by" in page.text
    assert "crossover none" in page.text
    assert re.search(r"truncated, share not known", page.text)
    assert re.search(r"temperature not known", page.text)
    assert "25.0\u202f% of the responses of tuned were cut off" in " ".join(page.words)
    assert "None" not in page.text and "nan" not in page.text.lower().split()


def test_files_with_nothing_but_grades_make_a_page(tmp_path: Path) -> None:
    findings = audit(tmp_path, ("6B", "6B verified", "175B"), ["problem", "correct"])
    page = Page(write_audit_report(findings, tmp_path / "out", images=False))
    assert "2 models against 6B" in page.text
    assert "How the models answer" not in page.text and "Samples side by side" not in page.text
    assert page.source.count('class="verdict') == 2, "the second tuned model has its own card"
    assert not (tmp_path / "out" / "charts").exists()


def test_the_run_behind_it_is_shown(findings: dict[str, Any], run: Path, tmp_path: Path) -> None:
    page = Page(write_audit_report(findings, tmp_path / "out", run, images=False))
    assert 'base = "organism:code"' in page.text
    assert "git not known" in page.text


def test_images_of_every_chart(findings: dict[str, Any], tmp_path: Path) -> None:
    for key in ("strategy", "length", "perplexity", "entropy", "distinct_n", "reflection"):  # fewer charts, less time
        findings[key] = None
    counted: list[int] = []
    write_audit_report(findings, tmp_path, advance=counted.append)
    names = {"pass_at_k", "difference", "pass_at_k_verdict", "difference_verdict", "solvable_sets"}
    names |= {"accuracy_histogram", "by_problem"}
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {
        f"{n}.{s}" for n in names for s in ("svg", "png")
    }
    assert sum(counted) == len(names)
    assert (tmp_path / "charts" / "pass_at_k.png").read_bytes().startswith(b"\x89PNG\r\n")
    svg = ElementTree.fromstring((tmp_path / "charts" / "pass_at_k.svg").read_text("utf-8"))
    words = {"".join(element.itertext()) for element in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"base", "tuned", "guess floor", "Problems solved within k tries"} <= words


def test_the_same_findings_make_the_same_page(findings: dict[str, Any], tmp_path: Path) -> None:
    first = write_audit_report(findings, tmp_path / "a", images=False).read_bytes()
    assert write_audit_report(findings, tmp_path / "b", images=False).read_bytes() == first
