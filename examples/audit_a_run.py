"""The audit from Python, on two sample files made here: a base, and a model that is surer of the same problems.

    python examples/audit_a_run.py

Any rows of `problem` and `correct` will do (docs/sample_files.md); what comes back is docs/findings_schema.md.
"""

import random
import tempfile
from pathlib import Path

from assay.audits.compare import compare
from assay.samples import write_samples


def main() -> None:
    """Half of 200 problems are out of reach of both; on the others answers are right .2 and .8 of the time."""
    generator = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for label, chance in (("base", 0.2), ("tuned", 0.8)):
            rows = [
                {"problem": problem, "correct": problem % 2 == 0 and generator.random() < chance}
                for problem in range(200)
                for _ in range(64)
            ]
            paths.append(write_samples(Path(folder) / f"{label}.parquet", rows))
        findings = compare(paths)
    for k, base in findings["pass_at_k"]["base"].items():
        tuned = findings["pass_at_k"]["tuned"][k]
        print(f"pass@{k:<3} base {base['estimate']:.3f}   tuned {tuned['estimate']:.3f}")
    print(f"{findings['verdict']}: {findings['comparisons']['tuned']['why']}")


if __name__ == "__main__":
    main()
