"""Audits four models that nobody here trained: the published, graded GSM8K solutions of arXiv 2110.14168.

    python examples/gsm8k_published_grades.py example_model_solutions.jsonl grades
    assay audit grades/6b_finetuning.jsonl grades/6b_verification.jsonl grades/175b_finetuning.jsonl \
        grades/175b_verification.jsonl --out grades/audit

The input is the file of that name in the GSM8K repository: one row a question, with one graded solution of each model.
It becomes one sample file a model, a row a solution, which `assay score --task gsm8k` can grade again. With one
solution a question k runs to 1: accuracies can be compared, and a boundary verdict cannot be given.
"""

import json
import sys
from pathlib import Path

from assay.samples import write_samples
from assay.tasks.tables import identity

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def convert(published: Path, out: Path) -> list[Path]:
    """Writes OUT/MODEL.jsonl for each model and returns the paths; problems have the identity of task `gsm8k`."""
    rows = [json.loads(line) for line in published.read_text(encoding="utf-8").splitlines()]
    return [
        write_samples(
            out / f"{model}.jsonl",
            [
                {
                    "problem": f"gsm8k/{identity(row['question'])}",
                    "member": 0,
                    "prompt": row["question"],
                    "response": row[model]["solution"],
                    "correct": row[model]["is_correct"],
                    "judge": "published",
                    "model": model,
                }
                for row in rows
            ],
        )
        for model in MODELS
    ]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/gsm8k_published_grades.py example_model_solutions.jsonl OUT")
    for path in convert(Path(sys.argv[1]), Path(sys.argv[2])):
        print(path)
