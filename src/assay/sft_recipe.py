"""Recipes of supervised fine-tuning: `kind = "sft"`."""

from typing import Literal

from pydantic import Field

from assay.recipe import PolicyRecipe
from assay.reward_recipe import RowsTable, TestingTable


class DataTable(RowsTable):
    """Where the demonstrations are: files of prompts with completions, or conversations (docs/distillation.md)."""


class SftRecipe(PolicyRecipe):
    """A whole run that trains a policy on demonstrations. `task` says what `assay audit RUN` samples."""

    kind: Literal["sft"]
    data: DataTable
    epochs: int = Field(1, ge=1)
    batch: int = Field(32, ge=1)
    """Rows for each update."""
    token_budget: int | None = Field(None, ge=1)
    """Stop after the update with which so many response tokens have been trained on."""
    steps: int | None = Field(None, ge=1)
    """Updates; where not given, as many as the epochs have. Written out when a run starts."""
    evaluation: TestingTable = TestingTable()

    @property
    def rows(self) -> RowsTable:
        """What it is trained on."""
        return self.data

    def arithmetic(self) -> str:
        """What will be done, in one line, printed at the start of a run."""
        budget = "" if self.token_budget is None else f", until {self.token_budget:,} response tokens"
        most = "at most " * (self.token_budget is not None)
        return (
            f"{self.batch} rows an update, {most}{self.steps} updates, "
            f"{self.epochs} epoch{'s' * (self.epochs > 1)}{budget}"
        )
