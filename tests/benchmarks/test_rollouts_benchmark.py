import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rollouts.py"


def test_the_benchmark_runs(capsys, monkeypatch):
    """At a size that measures nothing: both kinds of lengths, three ways and a ratio each, and the agreement."""
    small = "--prompts 3 --group 2 --max-new-tokens 4 --fixed-tokens 3 --rounds 2 --threads 1"
    monkeypatch.setattr("sys.argv", [str(SCRIPT), *small.split()])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("3 prompts x 2 of compose:seen countdown")
    assert lines[1].startswith("1 threads of ") and "torch.float32" in lines[1]
    ways = ["assay", "transformers,", "transformers,", "ratio"]
    assert [line.split()[0] for line in lines[2:12]] == ["natural", *ways, "fixed", *ways]
    assert lines[7] == "fixed lengths: 6 responses of 3.0 tokens on average, at most 3"
    assert "identical=1.0" in lines[12]
