"""How verbs show what they found: a table as wide as the terminal, sentences as they are, and where files lie."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from assay.cli.progress import progress
from assay.registry import resolve

PIPE_WIDTH = 120
"""Columns of a table that is not printed to a terminal."""


class Output(Console):
    """stdout, as wide as the terminal; to a reader that goes away it is closed like any other (`assay.cli.main`)."""

    def __init__(self) -> None:
        super().__init__()
        if not self.is_terminal:
            self.width = PIPE_WIDTH

    def on_broken_pipe(self) -> None:
        """Called while the error is handled; rich would exit with code 1."""
        raise


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], no_wrap: Sequence[str] = ()) -> None:
    """A table without lines; columns whose heading is in `no_wrap` are never broken."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading in no_wrap)
    for row in rows:
        table.add_row(*row)
    Output().print(table)


def print_sentences(*sentences: str) -> None:
    """Each on a line of its own, broken between words where it is too long, and nothing in it coloured."""
    console = Output()
    for sentence in sentences:
        console.print(sentence, highlight=False, markup=False)


def print_notes(notes: Iterable[str]) -> None:
    """What to know beside what was found."""
    print_sentences(*(f"Note: {note}" for note in notes))


def print_written(written: Mapping[str, Path]) -> None:
    """What was written, and where."""
    for what, path in written.items():
        print(f"{what:<9} {path}")


def draw(writer: str, *arguments: Any, of: str = "") -> Path:
    """The report that `module:function` writes of the arguments, with progress; its path."""
    with progress(f"drawing {of}".strip(), None, "charts") as advance:
        path: Path = resolve(writer)(*arguments, advance=advance)
    return path
