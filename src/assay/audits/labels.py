"""Short, unique names for the models of an audit."""

from collections.abc import Sequence
from pathlib import PurePath

from assay.errors import DataError

ENDINGS = (".parquet", ".jsonl", ".ndjson", ".json")


def make_labels(sources: Sequence[str], given: Sequence[str] | None = None) -> tuple[str, ...]:
    """The labels given, or the part in which the sources differ; always unique. Raises DataError for bad given ones.

    That is the last part of the paths that tells all of them apart: runs/a/samples.parquet and runs/b/samples.parquet
    become a and b. Where none does, it is everything between what the paths have in common at both ends.
    """
    if given is not None:
        return _checked([label.strip() for label in given], len(sources))
    parts = [list(PurePath(_without_ending(source)).parts) or [source] for source in sources]
    for depth in range(1, min(map(len, parts)) + 1):
        if len({each[-depth] for each in parts}) == len(parts):
            return tuple(each[-depth] for each in parts)
    while all(len(each) > 1 for each in parts) and len({each[0] for each in parts}) == 1:
        parts = [each[1:] for each in parts]
    while all(len(each) > 1 for each in parts) and len({each[-1] for each in parts}) == 1:
        parts = [each[:-1] for each in parts]
    return numbered(["/".join(each).strip("/") or "model" for each in parts])


def _without_ending(source: str) -> str:
    for ending in ENDINGS:
        if source.endswith(ending):
            return source.removesuffix(ending)
    return source


def numbered(labels: Sequence[str]) -> tuple[str, ...]:
    """A label that is there already gets a number: the same file twice is a fair control."""
    taken: list[str] = []
    for label in labels:
        name, number = label, 2
        while name in taken or (name != label and name in labels):
            name, number = f"{label}-{number}", number + 1
        taken.append(name)
    return tuple(taken)


def _checked(labels: Sequence[str], count: int) -> tuple[str, ...]:
    if len(labels) != count:
        raise DataError(f"--labels names {len(labels)} models ({', '.join(labels)}), but there are {count}")
    if len(set(labels)) != count or not all(labels):
        raise DataError(f"--labels {','.join(labels)}: every model needs a name of its own")
    return tuple(labels)
