"""Whom a simulated annotator prefers: by hand, against the formula pair by pair, and what it cannot judge."""

from itertools import product

import numpy as np
import pytest
from sample_rows import answers, audit_rows, counts_file, responses

from assay.annotators import Annotator, Response
from assay.audits.annotator import preferred
from assay.audits.compare import compare
from assay.cli.main import run as assay
from assay.errors import DataError, RecipeError


def test_the_chance_is_the_formula_s_over_all_pairs():
    draw = np.random.default_rng(0)
    tuned, base = ([Response(m, "", length_tokens=int(n)) for m, n in enumerate(draw.integers(1, 50, 7))] for _ in "ab")
    for noise in (0.0, 0.5, 3.0):
        annotator = Annotator(right=0, longer=0.1, noise=noise)
        utilities = [np.array([annotator.utility(each) for each in side]) for side in (tuned, base)]
        expected = np.mean([annotator.probability(a, b) for a, b in product(tuned, base)])
        assert preferred(annotator, *utilities) == pytest.approx(expected)
    certain = preferred(Annotator(noise=1e-308), np.array([1000.0]), np.array([0.0]))
    assert certain == 1, "a logit beyond all numbers, and no warning"


def test_by_hand(tmp_path):
    """Right ones are preferred for certain at noise 0. p: tuned 11 against 10: half of the pairs are won, half tied:
    .75. q: 00 against 00, all tied: .5. The third response of p is of unknown grade, and left out."""
    found = audit_rows(
        tmp_path, responses({"p": "10?", "q": "00"}), responses({"p": "11", "q": "00"}), annotator=Annotator(noise=0)
    )
    record = found["comparisons"]["tuned"]["preferred"]
    assert record["estimate"] == pytest.approx((0.75 + 0.5) / 2) and record["problems"] == 2
    assert found["annotator"] == {
        "annotator": "simulated: right 1, noise 0, seed 0",
        "left_out": {"base": 1, "tuned": 0},
    }
    (finding,) = (each for each in found["findings"] if each["audit"] == "annotator")
    assert finding["estimate"] == record["estimate"] and "simulated: right 1" in finding["claim"]


def test_without_an_annotator_nothing_is_said(tmp_path):
    found = audit_rows(tmp_path, responses({"p": "10"}), responses({"p": "11"}))
    assert found["annotator"] is None and found["comparisons"]["tuned"]["preferred"] is None


def test_what_it_cannot_judge_is_refused(tmp_path, capsys):
    audit_rows(tmp_path, responses({"p": "10"}), responses({"p": "11"}))
    files = [str(tmp_path / name) for name in ("base.parquet", "tuned.parquet")]
    dials = tmp_path / "biased.toml"

    def fails(text):
        dials.write_text(text)
        assert assay(["audit", *files, "--annotator", str(dials), "--out", str(tmp_path / "out")]) == 2
        return capsys.readouterr().err

    assert "dial longer is 0.1, but" in fails("longer = 0.1")
    assert "unknown key 'longr', did you mean 'longer'?" in fails("longr = 0.1")
    read: list[int] = []
    with pytest.raises(RecipeError, match="dial longer is 1, but"):
        compare([tmp_path / "base.parquet"] * 2, ["a", "b"], annotator=Annotator(longer=1), advance=read.append)
    assert read == [], "the first file is refused when it is read"
    dials.unlink()
    with pytest.raises(DataError, match="holds counts, and an annotator judges responses"):
        compare(
            [counts_file(tmp_path / name, answers(2, [1, 2])) for name in ("a.parquet", "b.parquet")],
            annotator=Annotator(),
        )


def test_the_command_says_it_and_the_report_draws_it(tmp_path, capsys):
    rows = [responses({"p": right, "q": right}, length_tokens=length) for right, length in (("10", 5), ("11", 9))]
    audit_rows(tmp_path, *rows)
    (tmp_path / "long.toml").write_text("right = 0\nlonger = 0.5\n")
    words = [str(tmp_path / name) for name in ("base.parquet", "tuned.parquet")]
    words += ["--annotator", str(tmp_path / "long.toml"), "--out", str(tmp_path / "out")]
    assert assay(["audit", *words]) == 0
    said = "The annotator (simulated: longer 0.5, noise 1, seed 0) prefers it to base in 88.1%"
    assert said in " ".join(capsys.readouterr().out.split()).replace(" %", "%")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "How often the annotator prefers a response to one of base" in page
