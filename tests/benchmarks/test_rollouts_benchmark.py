import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rollouts.py"


def test_the_benchmark_runs(capsys, monkeypatch):
    """At a size that measures nothing."""
    small = "--prompts 2 --group 2 --max-new-tokens 4 --rounds 1 --threads 1 --width 32 --layers 1 --mlp 32"
    monkeypatch.setattr("sys.argv", [str(SCRIPT), *small.split()])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 prompts x 2, 1 threads, cpu, torch.float32"
    assert [line.split()[0] for line in lines[1:4]] == ["assay", "transformers", "ratio"]
    assert "identical=1.0" in lines[4]
