"""Where the parts of a study are. Only this file knows the names of its directory.

OUT/study.toml                                 the study with all its defaults
OUT/votes/FAMILY.parquet                       the base's answers to the problems that are trained on
OUT/runs/FAMILY/ARM-SEED/                      a run as `assay train` makes it
OUT/runs/FAMILY/ARM-SEED.failed                why the run could not be made, in a sentence; only where it could not
OUT/samples/TASK/FAMILY.parquet                of the base, on held-out problems
OUT/samples/TASK/FAMILY--ARM-SEED.parquet      of a trained model
OUT/samples/TASK/FAMILY--ARM-SEED.matched.parquet  of it, at the temperature at which its entropy is the base's
OUT/samples/TASK/FAMILY--ARM-SEED.matched.json     how that temperature was found
OUT/findings.json, OUT/report.html             what the study says
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.store import Run
from assay.studies.file import Study


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a study."""

    family: str
    arm: str
    seed: int

    def __str__(self) -> str:
        return f"{self.family}, {self.arm}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The directory `out` of a study."""

    study: Study
    out: Path

    def cells(self, family: str | None = None, arm: str | None = None) -> Iterator[Cell]:
        """The runs, seed by seed, so that a study that was stopped has whole seeds; of one family or arm if given."""
        for seed in self.study.seeds:
            for each_family in self.study.families if family is None else (family,):
                for each_arm in self.study.arms if arm is None else (arm,):
                    yield Cell(each_family, each_arm, seed)

    @property
    def file(self) -> Path:
        """The study itself."""
        return self.out / "study.toml"

    @property
    def findings(self) -> Path:
        """What the study says, as data."""
        return self.out / "findings.json"

    @property
    def report(self) -> Path:
        """What the study says, as a page."""
        return self.out / "report.html"

    def votes(self, family: str) -> Path:
        """The base's answers to the problems that are trained on."""
        return self.out / "votes" / f"{family}.parquet"

    def run(self, cell: Cell) -> Path:
        """The directory of a run, there or not."""
        return self.out / "runs" / cell.family / f"{cell.arm}-{cell.seed}"

    def failure(self, cell: Cell) -> Path:
        """The file that says why a run could not be made."""
        return self.run(cell).with_name(f"{cell.arm}-{cell.seed}.failed")

    def samples(self, task: str, family: str, cell: Cell | None = None, matched: bool = False) -> Path:
        """The samples of a trained model, or of the family's base where no run is named."""
        name = family if cell is None else f"{cell.family}--{cell.arm}-{cell.seed}"
        folder = re.sub(r"[^A-Za-z0-9._-]+", "_", task)
        return self.out / "samples" / folder / f"{name}{'.matched' * matched}.parquet"

    def search(self, cell: Cell) -> Path:
        """How the temperature of a run's matched samples was found."""
        return self.samples(self.study.audits[0].task, cell.family, cell, matched=True).with_suffix(".json")

    def files_of(self, cell: Cell) -> list[Path]:
        """All sample files that a finished run has."""
        found = [self.samples(audited.task, cell.family, cell) for audited in self.study.audits]
        if cell.arm in self.study.matched:
            found.append(self.samples(self.study.audits[0].task, cell.family, cell, matched=True))
        return found

    def is_done(self, cell: Cell) -> bool:
        """Whether the run is finished and every sample file of it is there, whole."""
        path = self.run(cell)
        return Run.is_run(path) and Run(path).is_finished() and all(file.is_file() for file in self.files_of(cell))
