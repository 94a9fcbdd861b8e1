"""The prompts of a task that reads rows: found by split or by identity, and what such tasks share."""

import hashlib
from collections.abc import Iterable
from random import Random

from assay.errors import DataError
from assay.tasks import Split
from assay.types import Prompt


class PromptTable:
    """Prompts with distinct identities, in the order of their rows.

    `prompts` pairs each with the place it comes from. A repeated identity is an error, unless `drop_repeats`: then the
    first of prompts that agree in their gold answer is kept. `more_rows` says what to do where a split has no rows,
    `on_repeats` where rows repeat a prompt with its gold.
    """

    def __init__(
        self,
        name: str,
        prompts: Iterable[tuple[str, Prompt]],
        drop_repeats: bool = False,
        more_rows: str = "give data that has, or use another split",
        on_repeats: str = "",
    ) -> None:
        self.name, self.more_rows = name, more_rows
        self.by_problem: dict[str, Prompt] = {}
        self._hashes: dict[Split, str] = {}
        places: dict[str, str] = {}
        for where, prompt in prompts:
            known = self.by_problem.get(prompt.problem)
            if known is None:
                self.by_problem[prompt.problem] = prompt
                places[prompt.problem] = where
            elif not drop_repeats or known.gold != prompt.gold or known.split != prompt.split:
                is_copy = known.gold == prompt.gold and known.split == prompt.split
                raise DataError(
                    f"task {name}: {where} poses the same problem as {places[prompt.problem]} ({prompt.problem}); "
                    f"expected every problem once, with one gold answer{on_repeats if is_copy else ''}"
                )

    def of_split(self, split: Split) -> list[Prompt]:
        """All prompts of a split, in the order of their rows."""
        return [prompt for prompt in self.by_problem.values() if prompt.split == split]

    def take(self, split: Split, count: int | None, seed: int) -> list[Prompt]:
        """`count` prompts of a split, drawn without replacement; the first n of them are those drawn for n.

        All, in the order of their rows, where count is None. Raises DataError where there are too few.
        """
        rows = self.of_split(split)
        if not rows:
            raise DataError(f"task {self.name}: its data has no {split} rows; {self.more_rows}")
        if count is None:
            return rows
        if count > len(rows):
            raise DataError(f"task {self.name}: {count} {split} problems were asked for, but its data has {len(rows)}")
        Random(f"{self.name}/{split}/{seed}").shuffle(rows)
        return rows[:count]

    def content_hash(self, split: Split) -> str:
        """Twelve hexadecimal digits over identities and golds of a split: the same whatever their order and file."""
        if split not in self._hashes:
            lines = sorted(f"{prompt.problem}\t{prompt.gold}\n" for prompt in self.of_split(split))
            self._hashes[split] = _twelve_digits("".join(lines))
        return self._hashes[split]

    def find(self, *identities: str) -> Prompt:
        """The prompt of the first identity that is known. Raises DataError where none is."""
        for identity in identities:
            if identity in self.by_problem:
                return self.by_problem[identity]
        shown = identities[0] if len(identities[0]) <= 80 else identities[0][:80] + "..."
        raise DataError(
            f"task {self.name}: problem {shown!r} is none of its {len(self.by_problem)} problems; "
            "expected an identity, or the exact text, of a problem of this data"
        )


class TableTask:
    """What tasks share whose prompts stand in a `table`."""

    table: PromptTable

    def size(self, split: Split) -> int:
        """Rows of the split that are loaded."""
        return len(self.table.of_split(split))

    def prompts(self, split: Split, count: int | None = None, seed: int = 0) -> list[Prompt]:
        """`count` problems of the split, drawn without replacement; all, in order, where count is None."""
        return self.table.take(split, count, seed)

    def prompt_of(self, problem: str) -> Prompt:
        """The prompt with this identity, or the one that `identity_of` means by it. Raises DataError otherwise."""
        return self.table.find(problem, self.identity_of(problem))

    def identity_of(self, name: str) -> str:
        """The identity of the problem that has this text, or another name that the task knows it by."""
        return identity(name)

    def data_hash(self, split: Split) -> str:
        """Hash of the split's problems and golds, whatever their order and file."""
        return self.table.content_hash(split)


def identity(text: str) -> str:
    """Twelve hexadecimal digits that name a problem by its text; runs of white space count as one space."""
    return _twelve_digits(" ".join(text.split()))


def split_by_share(problem: str, test_share: float) -> Split:
    """'test' for about `test_share` of all problems, by hash: no other row, order or seed can move a problem."""
    position = int.from_bytes(hashlib.sha256(problem.encode(errors="surrogatepass")).digest()[:8]) / 2**64
    return "test" if position < test_share else "train"


def _twelve_digits(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
