"""Every error that Assay raises for a user.

    AssayError(ValueError)        a sentence: what, where, expected, what to do; the command line exits with 2
    ├── RecipeError               a recipe, an option or an override that cannot be used
    ├── DataError                 a row, a file or a sample table that cannot be read or matched
    ├── ModelError                a model, tokenizer or checkpoint that cannot be loaded or used
    └── RunError                  a run directory that cannot be started, continued or written

    Interrupted(KeyboardInterrupt)    Ctrl-C during work that can be continued; the command line exits with 130

An `AssertionError` is a fault of ours, never the user's.
"""


class AssayError(ValueError):
    """Base of all errors meant for the user; its message is complete without a traceback."""


class RecipeError(AssayError):
    """A recipe, an option or an override that cannot be used."""


class DataError(AssayError):
    """A row, a file or a sample table that cannot be read or matched."""


class ModelError(AssayError):
    """A model, tokenizer or checkpoint that cannot be loaded or used."""


class RunError(AssayError):
    """A run directory that cannot be started, continued or written."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during work that can be continued; `hint` says how, as in "continue with: assay train --resume RUN"."""

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint
