"""The findings document: shape, determinism, matching of files, and every reason to refuse them."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sample_rows import SAMPLING, answers, audit_counts, audit_rows, counts_file, responses, write

from assay.audits.compare import COMPARISON_KEYS, compare, rounded, steps
from assay.errors import DataError
from assay.files import write_json
from assay.types import Finding

SCHEMA = Path(__file__).parents[2] / "docs" / "findings_schema.md"


def full_rows(seed: int, rate: float, problems: int = 30, n: int = 16) -> list[dict[str, Any]]:
    """Rows with every column that an audit reads."""
    generator = np.random.default_rng(seed)
    rows = responses(
        {f"p{i}": "".join(map(str, generator.binomial(1, rate * i / problems, n))) for i in range(problems)}
    )
    for each in rows:
        each |= {
            "task": "compose:edge", "response": f"r{generator.integers(1000)}", "prompt": each["problem"] + "?",
            "strategy": ["code", "prose"][generator.integers(2)], "length_tokens": int(generator.integers(5, 64)),
            "stop": "eos", "logprob": -1.5, "logprob_under": -2.0, "under": "B", "guess_probability": 1e-4,
            "judge": "j@1", "seed": seed, "model": f"m{seed}", **SAMPLING,
        }  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    return [
        write(folder / f"{name}.parquet", full_rows(seed, rate))
        for seed, name, rate in ((1, "base", 0.3), (2, "tuned", 0.7), (3, "other", 0.5))
    ]


@pytest.fixture(scope="module")
def findings(files: list[Path]) -> dict[str, Any]:
    return compare(files)


def keys_in_schema(section: str) -> set[str]:
    """First cells of the table in a section of docs/findings_schema.md."""
    text = SCHEMA.read_text(encoding="utf-8").split(f"## {section}")[1].split("\n## ")[0]
    return {
        key for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+)", text, re.MULTILINE) for key in re.findall(r"\w+", row)
    }


def test_the_document_has_the_documented_keys(findings: dict[str, Any]) -> None:
    assert set(findings) == keys_in_schema("Top level")
    assert set(findings["comparisons"]["tuned"]) == keys_in_schema("comparison") == set(COMPARISON_KEYS)
    assert set(findings["settings"]) == keys_in_schema("settings")


def test_models_curves_and_mirrors(findings: dict[str, Any]) -> None:
    assert findings["schema"] == "assay.findings/1"
    assert findings["models"] == ["base", "tuned", "other"]
    assert list(findings["comparisons"]) == ["tuned", "other"]
    assert list(findings["pass_at_k"]["base"]) == ["1", "2", "4", "8", "16"]
    first = findings["comparisons"]["tuned"]
    assert all(findings[key] == first[key] for key in ("crossover", "solvable", "verdict"))
    assert set(findings["crossover"]) == {"k", "low", "high"}
    assert set(findings["solvable"]) == {"both", "base_only", "tuned_only", "neither"}
    assert sum(findings["solvable"].values()) == 30
    assert findings["settings"]["K"] == 8 and findings["settings"]["task"] == "compose:edge"
    assert findings["guess_floor"]["16"] == pytest.approx(1 - (1 - 1e-4) ** 16)
    difference = first["pass_at_k_difference"]["4"]
    curves = findings["pass_at_k"]
    assert difference["estimate"] == pytest.approx(curves["tuned"]["4"]["estimate"] - curves["base"]["4"]["estimate"])
    gap = first["sampling_efficiency_gap"]
    assert gap["k"] == 16
    assert gap["estimate"] == pytest.approx(curves["base"]["16"]["estimate"] - curves["tuned"]["1"]["estimate"])


def test_the_list_of_findings_says_what_it_rests_on(findings: dict[str, Any]) -> None:
    fields = set(Finding.__dataclass_fields__)
    assert all(set(each) == fields and each["method"] and each["n"] > 0 for each in findings["findings"])
    verdicts = [each for each in findings["findings"] if each["verdict"]]
    assert [each["model"] for each in verdicts if each["audit"] == "boundary"] == ["tuned", "other"]
    assert {each["audit"] for each in verdicts} == {"boundary", "reflection"}
    point = next(each for each in findings["findings"] if each["claim"] == "pass@4" and each["model"] == "tuned")
    assert {key: point[key] for key in ("estimate", "low", "high")} == findings["pass_at_k"]["tuned"]["4"]


def test_the_same_files_give_the_same_bytes_in_whatever_row_order(
    files: list[Path], findings: dict[str, Any], tmp_path: Path
) -> None:
    first = write_json(tmp_path / "one" / "findings.json", findings).read_bytes()
    assert write_json(tmp_path / "two" / "findings.json", compare(files)).read_bytes() == first
    assert b"NaN" not in first and b"Infinity" not in first and str(files[0].parent).encode() not in first
    assert json.loads(first) == findings
    shuffled = [write_shuffled(path, tmp_path / path.name) for path in files]
    assert write_json(tmp_path / "three" / "findings.json", compare(shuffled)).read_bytes() == first


def write_shuffled(path: Path, out: Path) -> Path:
    pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=4).write_parquet(out)
    return out


def test_other_samples_give_other_numbers(files: list[Path], findings: dict[str, Any], tmp_path: Path) -> None:
    other = compare([files[0], write(tmp_path / "tuned.parquet", full_rows(9, 0.7))])
    assert other["pass_at_k"]["base"] == findings["pass_at_k"]["base"]
    assert other["pass_at_k"]["tuned"] != findings["pass_at_k"]["tuned"]
    hashes = [each["settings"]["models"]["tuned"]["counts_sha256"] for each in (other, findings)]
    assert hashes[0] != hashes[1]


def test_jsonl_counts_and_parquet_agree(tmp_path: Path) -> None:
    base, tuned = answers(8, [0, 1, 5, 8]), answers(8, [0, 3, 7, 8])
    counted = audit_counts(tmp_path, base, tuned)
    rows = [
        responses({i: "1" * c + "0" * (8 - c) for i, c in enumerate(found.correct_M.tolist())})
        for found in (base, tuned)
    ]
    paths = [tmp_path / "base.jsonl", tmp_path / "tuned.jsonl"]
    for path, each in zip(paths, rows, strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in each))
    listed = compare(paths)
    for key in ("pass_at_k", "solvable", "crossover", "accuracy_histogram"):
        assert counted[key] == listed[key]


def test_k_runs_to_the_smallest_common_n(tmp_path: Path) -> None:
    """pass@k of c right of n: at k = 6 the base's second problem is 1 - C(11,6)/C(12,6) = 1/2."""
    found = audit_counts(tmp_path, answers([6, 12], [0, 1]), answers([20, 7], [0, 0]))
    assert list(found["pass_at_k"]["base"]) == ["1", "2", "4", "6"]
    assert found["pass_at_k"]["base"]["6"]["estimate"] == 0.25
    assert (found["settings"]["n"], found["settings"]["K"]) == (6, 3)
    assert any(
        "numbers of judged answers a problem differ (base 6 to 12, tuned 7 to 20)" in each
        for each in found["settings"]["notes"]
    )


def test_unjudged_answers_leave_n_and_withhold_the_verdict(tmp_path: Path) -> None:
    right_of_32 = "1" * 28 + "0" * 4
    base = responses({str(i): "0" * 32 if i % 2 else "1" * 8 + "0" * 24 for i in range(60)})
    tuned = responses({str(i): "0" * 32 if i % 2 else right_of_32 for i in range(60)})
    assert audit_rows(tmp_path, base, tuned)["verdict"] == "sharpened"
    few = responses({**{str(i): right_of_32 for i in range(59)}, "59": "?" * 19 + "1" * 13})
    found = audit_rows(tmp_path, base, few)
    assert found["settings"]["models"]["tuned"]["unknown"] == 19  # 19 of 1,920 are .99 %
    assert found["settings"]["n"] == 13
    assert "could not be judged" not in found["comparisons"]["tuned"]["why"]
    more = responses({**{str(i): right_of_32 for i in range(59)}, "59": "?" * 20 + "1" * 12})
    found = audit_rows(tmp_path, base, more)
    assert found["verdict"] == "not enough data"
    assert "1.0% (20) could not be judged; above 1% no verdict" in found["comparisons"]["tuned"]["why"]
    assert found["pass_at_k"]["tuned"]["1"]["estimate"] == pytest.approx((59 * 28 / 32 + 1) / 60)


def test_problems_without_a_judged_answer_are_left_out_and_counted(tmp_path: Path) -> None:
    found = audit_rows(tmp_path, responses({"a": "10", "b": "??"}), responses({"a": "11", "b": "11"}))
    assert (found["settings"]["problems"], found["settings"]["left_out_unjudged"]) == (1, 1)
    with pytest.raises(DataError, match="none of the 1 problems has a judged answer of every model"):
        audit_rows(tmp_path, responses({"a": "?"}), responses({"a": "1"}))


def floored(chance: float, problems: int, wins: int) -> list[dict[str, Any]]:
    name = f"chance {chance}"
    return responses({f"{name} {i}": "1" * wins + "0" * (16 - wins) for i in range(problems)}, guess_probability=chance)


def test_guessable_problems_are_left_out_of_the_verdict(tmp_path: Path) -> None:
    """Floor at n = 16: 1 - .9968^16 = .04998 stays, 1 - .9967^16 = .0515 goes."""
    stays, goes = 0.0032, 0.0033
    base = floored(stays, 60, 0) + floored(goes, 40, 8)
    tuned = floored(stays, 60, 8) + floored(goes, 40, 0)
    found = audit_rows(tmp_path, base, tuned)
    assert (found["settings"]["verdict_problems"], found["settings"]["left_out_guessable"]) == (60, 40)
    comparison = found["comparisons"]["tuned"]
    assert comparison["verdict"] == "extended" and comparison["evidence"]["problems"] == 60
    assert "40 of 100 problems can be guessed within 16 tries and are left out" in comparison["why"]
    assert comparison["solvable"] == {"both": 0, "base_only": 40, "tuned_only": 60, "neither": 0}
    assert comparison["on_verdict_problems"]["solvable"] == {"both": 0, "base_only": 0, "tuned_only": 60, "neither": 0}
    assert comparison["on_verdict_problems"]["pass_at_k"]["base"]["16"]["estimate"] == 0
    assert found["pass_at_k"]["base"]["16"]["estimate"] == 0.4
    assert found["guess_floor"]["16"] == pytest.approx(0.6 * (1 - 0.9968**16) + 0.4 * (1 - 0.9967**16))


def test_all_guessable_is_not_enough_data(tmp_path: Path) -> None:
    found = audit_rows(tmp_path, floored(0.5, 20, 0), floored(0.5, 20, 16))
    assert found["verdict"] == "not enough data"
    assert found["comparisons"]["tuned"]["why"].startswith("No problem can be used.")
    assert found["comparisons"]["tuned"]["on_verdict_problems"]["problems"] == 0


def test_without_a_floor_all_problems_are_used_and_the_verdict_says_so(tmp_path: Path) -> None:
    found = audit_counts(tmp_path, answers(16, [0] * 40), answers(16, [8] * 40))
    assert found["verdict"] == "extended" and found["guess_floor"] is None
    assert "No guess floor is known, so all 40 problems are used." in found["comparisons"]["tuned"]["why"]
    assert found["comparisons"]["tuned"]["on_verdict_problems"] is None


def test_a_floor_known_for_some_problems(tmp_path: Path) -> None:
    base = floored(0.5, 10, 0) + responses({f"u{i}": "0" * 16 for i in range(40)})
    tuned = floored(0.5, 10, 0) + responses({f"u{i}": "1" * 8 + "0" * 8 for i in range(40)})
    found = audit_rows(tmp_path, base, tuned)
    assert found["guess_floor"] is None and found["settings"]["verdict_problems"] == 40
    assert found["settings"]["notes"] == ["The guess floor of 40 problems is unknown; they are kept in the verdict."]


def test_unmatched_problems_are_an_error_unless_intersected(tmp_path: Path) -> None:
    paths = [write(tmp_path / "base.parquet", responses(dict.fromkeys(range(5), "10")))]
    paths.append(write(tmp_path / "tuned.parquet", responses({**dict.fromkeys(range(3, 7), "11"), "x": "11"})))
    with pytest.raises(DataError) as raised:
        compare(paths)
    assert str(raised.value) == (
        "base and tuned do not answer the same problems: 3 only in base (such as '0', '1') and 3 only in tuned "
        "(such as '5', '6'); --intersect compares the 2 that all share"
    )
    found = compare(paths, intersect=True)
    assert (found["settings"]["problems"], found["settings"]["left_out_unmatched"]) == (2, 6)
    disjoint = [paths[0], write(tmp_path / "none.parquet", responses({"y": "1"}))]
    for intersect in (False, True):
        with pytest.raises(DataError, match="share no"):
            compare(disjoint, intersect=intersect)


def test_integers_and_strings_name_the_same_problem(tmp_path: Path) -> None:
    paths = [write(tmp_path / "base.parquet", responses({1: "10", 10: "10", 9: "00"}))]
    paths.append(write(tmp_path / "tuned.parquet", responses({"10": "11", "1": "11", "9": "10"})))
    rows = compare(paths)["comparisons"]["tuned"]["per_problem"]
    assert [row["problem"] for row in rows] == ["1", "9", "10"]
    assert rows[1] == {"problem": "9", "n_base": 2, "correct_base": 0, "n_tuned": 2, "correct_tuned": 1}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", 0.6, "a different temperature (base 1.0, tuned 0.6)"),
        ("top_p", 0.95, "a different top_p (base 1.0, tuned 0.95)"),
        ("max_new_tokens", 128, "a different length limit (base 64, tuned 128)"),
        ("template_hash", "u", "a different template (base t, tuned u)"),
        ("wording", "few-shot", "a different prompt wording (base boxed, tuned few-shot)"),
        ("data_hash", "e", "a different data hash (base d, tuned e)"),
    ],
)
def test_files_sampled_differently_are_refused(tmp_path: Path, name: str, value: Any, words: str) -> None:
    base, tuned = responses({"a": "10"}, **SAMPLING), responses({"a": "11"}, **{**SAMPLING, name: value})
    with pytest.raises(DataError) as raised:
        audit_rows(tmp_path, base, tuned)
    assert words in str(raised.value) and "--allow-different-sampling" in str(raised.value)
    found = audit_rows(tmp_path, base, tuned, allow_different_sampling=True)
    assert found["settings"]["different_sampling"] == [name]
    assert found["settings"]["models"]["tuned"][name] == value


def test_a_file_that_mixes_settings_is_refused_and_one_without_them_is_not(tmp_path: Path) -> None:
    mixed = responses({"a": "1"}, temperature=1.0) + responses({"b": "1"}, temperature=0.5)
    plain = responses({"a": "1", "b": "0"})
    with pytest.raises(DataError, match=r"a different temperature \(tuned 0.5 and 1.0\)"):
        audit_rows(tmp_path, plain, mixed)
    found = audit_rows(tmp_path, plain, responses({"a": "1", "b": "0"}, temperature=1.0))
    assert found["settings"]["models"]["base"]["temperature"] is None


def test_files_of_two_splits_are_compared_where_both_have_the_same_two(tmp_path: Path) -> None:
    both = responses({"a": "1"}, data_hash="train") + responses({"b": "1"}, data_hash="test")
    assert audit_rows(tmp_path, both, both)["settings"]["models"]["base"]["data_hash"] == ["test", "train"]
    with pytest.raises(DataError, match=r"a different data hash \(base test and train, tuned test\)"):
        audit_rows(tmp_path, both, responses({"a": "1", "b": "1"}, data_hash="test"))


def test_different_judges_and_strange_stops_are_noted(tmp_path: Path) -> None:
    found = audit_rows(
        tmp_path,
        responses({"a": "10"}, judge="x@1", stop="length"),
        responses({"a": "11"}, judge="x@2", stop="stop"),
    )
    notes = found["settings"]["notes"]
    assert any("different judges (x@1; x@2)" in each for each in notes)
    assert any(each.startswith("tuned: `stop` holds other values") for each in notes)
    sources = found["settings"]["models"]
    assert (sources["base"]["truncated_share"], sources["tuned"]["truncated_share"]) == (1.0, None)


def test_the_same_file_twice_is_a_control(tmp_path: Path) -> None:
    path = counts_file(tmp_path / "base.parquet", answers(64, [0, 5, 30, 64] * 60))
    found = compare([path, path])
    assert found["models"] == ["base", "base-2"]
    assert found["verdict"] == "neither"
    assert found["comparisons"]["base-2"]["evidence"]["pass_at_1"]["estimate"] == 0


def test_one_answer_a_problem(tmp_path: Path) -> None:
    found = audit_counts(tmp_path, answers(1, [0, 1, 0]), answers(1, [1, 1, 0]))
    assert list(found["pass_at_k"]["base"]) == ["1"]
    assert found["verdict"] == "not enough data" and found["settings"]["K"] == 1
    assert found["solvable"] == {"both": 1, "base_only": 0, "tuned_only": 1, "neither": 1}


def test_one_file_is_not_a_comparison(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a base with at least one tuned model, got 1 sample file"):
        compare([counts_file(tmp_path / "base.parquet", answers(1, [1]))])


def test_progress_is_told_every_step(files: list[Path]) -> None:
    seen: list[int] = []
    compare(files, advance=seen.append)
    assert sum(seen) == steps(len(files))


def test_nothing_undefined_is_written() -> None:
    assert rounded({"a": (1, 0.1 + 0.2, None, "x", True)}) == {"a": [1, 0.3, None, "x", True]}
    for bad in (math.nan, math.inf):
        with pytest.raises(AssertionError, match="never NaN"):
            rounded([bad])
