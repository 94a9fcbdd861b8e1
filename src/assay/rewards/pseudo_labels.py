"""Rewards by pseudo-labels: the answer that most samples give, in place of the gold one.

Offline, labels are the votes of a file of samples, the base's own (Shao et al. 2025, arXiv 2506.10947, section 2.2);
online, those of each group that is trained on (TTRL, Zuo et al. 2025, arXiv 2504.16084, majority voting reward).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import DataError, RecipeError
from assay.rewards.binary import Binary, answer_of
from assay.rewards.calls import Failure
from assay.rewards.signatures import Value
from assay.samples import read_samples
from assay.tasks import Task, same_answers
from assay.tasks.drawing import training_prompt
from assay.types import Group, Prompt


@dataclass(frozen=True, slots=True)
class Label:
    """An answer that stands for the gold one, and whether it is right; None where nobody knows."""

    answer: str
    correct: bool | None


def vote(task: Task, prompt: Prompt, answers: Sequence[str | None], correct: Sequence[bool | None]) -> Label | None:
    """The answer that most responses give, of several the one that is given first; None where none gives one.

    Answers that the task calls the same are one (`assay.tasks.same_answers`), spelled as the first. `correct` holds the
    verdicts on the responses and does not decide which one wins.
    """
    counts = Counter(answer for answer in answers if answer is not None)
    best: list[str] = []
    left = list(counts)
    while left:
        first, *others = left
        same = same_answers(task, prompt, first, others)
        alike = [first, *(other for other, is_same in zip(others, same, strict=True) if is_same)]
        if sum(counts[each] for each in alike) > sum(counts[each] for each in best):
            best = alike
        left = [other for other in others if other not in alike]
    verdicts = (known for answer, known in zip(answers, correct, strict=True) if answer in best and known is not None)
    return Label(best[0], next(verdicts, None)) if best else None


def read_labels(file: Path, task: Task) -> dict[str, Label]:
    """Problem -> the vote of its rows in a sample file, in the order of their members where these are given.

    Raises DataError where the file has no answers, or a problem that is not one of the task's train split.
    """
    table = read_samples(file, ("answer", "member"))
    if table.format == "counts":
        raise DataError(
            f"{file}: holds counts; expected a row a response, with its answer, as assay sample writes them"
        )
    if "answer" not in table.frame.columns:
        raise DataError(f"{file}: no row has the column 'answer'; let assay score add it, which reads the responses")
    frame = table.frame.sort("member", maintain_order=True) if "member" in table.frame.columns else table.frame
    found = {}
    for (problem,), rows in frame.group_by("problem", maintain_order=True):
        prompt = training_prompt(task, str(problem), file)
        label = vote(task, prompt, rows["answer"].to_list(), rows["correct"].to_list())
        if label is not None:
            found[prompt.problem] = label
    if not found:
        raise DataError(f"{file}: no row has an answer, so no problem gets a label; sample more, or another model")
    return found


class Majority(Binary):
    """1 where the answer is the label: the vote of a file's rows, or without a file that of the group itself."""

    labels: dict[str, Label] | None = None

    def read_argument(self) -> None:
        """The labels, where a file is named."""
        if self.argument:
            self.labels = read_labels(Path(self.argument), self.task)

    def problems(self) -> frozenset[str] | None:
        """Those that have a label; all, where each group votes."""
        return None if self.labels is None else frozenset(self.labels)

    def label(self, group: Group) -> Label | None:
        """The group's label; None where it has none."""
        if self.labels is not None:
            return self.labels.get(group.prompt.problem)
        answers = [answer_of(sample) for sample in group.samples]
        votes = [None if isinstance(answer, Failure) else answer for answer in answers]
        return vote(self.task, group.prompt, votes, [sample.scores["true"].correct for sample in group.samples])

    def of(self, group: Group, step: int) -> list[Value]:
        """Of each sample, whether its answer is the label; where nobody in a group answers, nobody agrees: 0."""
        answers = [answer_of(sample) for sample in group.samples]
        label = self.label(group)
        if label is None and self.labels is not None:
            return [None for _ in answers]
        texts = list(dict.fromkeys(answer for answer in answers if isinstance(answer, str)))
        same = same_answers(self.task, group.prompt, label.answer, texts) if label is not None else []
        agreeing = {text for text, is_same in zip(texts, same, strict=True) if is_same}
        return [answer if isinstance(answer, Failure) else float(answer in agreeing) for answer in answers]

    def logged(self, groups: Sequence[Group]) -> list[tuple[str, float | None]]:
        """`label_accuracy`: of the groups whose label is known to be right or wrong, the share of right ones."""
        found = [self.label(group) for group in groups]
        known = [label.correct for label in found if label is not None]
        return [("label_accuracy", None if correct is None else float(correct)) for correct in known or [None]]


class Incorrect(Majority):
    """`Majority` by a file, on the problems whose label is known to be wrong."""

    def read_argument(self) -> None:
        """The wrong labels. Raises RecipeError or DataError where there are none."""
        if not self.argument:
            raise RecipeError(f"reward {self.name}: names no sample file; write incorrect:FILE")
        super().read_argument()
        assert self.labels is not None
        self.labels = {problem: label for problem, label in self.labels.items() if label.correct is False}
        if not self.labels:
            raise DataError(
                f"{self.argument}: no problem's most frequent answer is known to be wrong, so reward incorrect has no "
                "labels; sample more problems, or harder ones"
            )
