"""Recipes of reward models: `kind = "reward-model"`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from assay.config import Strict
from assay.recipe import BaseTable, RunRecipe


class RowsTable(Strict):
    """Files of rows to train and test on."""

    train: str
    """A file of rows."""
    test: str | None = None
    """Another file to test on; where not given, about a tenth of the prompts is held out."""
    max_tokens: int = Field(1024, ge=2)
    """Rows of which prompt and response together have more tokens are left out and counted."""

    @property
    def files(self) -> tuple[Path, Path | None]:
        """The file to train on, and that to test on."""
        return Path(self.train), Path(self.test) if self.test else None


class PreferencesTable(RowsTable):
    """Where the preferences are: files of pairs or rankings (docs/preferences.md)."""


class TestingTable(Strict):
    """Held-out rows, looked at during training."""

    every: int = Field(50, ge=0)
    """Updates between looks; 0 for none but the last."""


class RewardModelRecipe(RunRecipe):
    """A whole run that trains a reward model."""

    kind: Literal["reward-model"]
    model: BaseTable
    preferences: PreferencesTable
    epochs: int = Field(1, ge=1)
    batch: int = Field(32, ge=1)
    """Comparisons for each update."""
    steps: int | None = Field(None, ge=1)
    """Updates; where not given, as many as the epochs have. Written out when a run starts."""
    evaluation: TestingTable = TestingTable()

    @property
    def rows(self) -> RowsTable:
        """What it is trained on."""
        return self.preferences

    def arithmetic(self) -> str:
        """What will be done, in one line, printed at the start of a run."""
        return f"{self.batch} comparisons an update, {self.steps} updates, {self.epochs} epoch{'s' * (self.epochs > 1)}"
