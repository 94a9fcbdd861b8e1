"""What a sparse update means: of rounding, of learning rate and storage, or of weights that training left alone."""

from collections.abc import Mapping
from typing import Any

Told = Mapping[str, Any]

SPARSE = 0.5
"""Below this sparsity most weights changed, and there is nothing to explain."""
ROUNDING, NOT_ROUNDING = 0.9, 0.1
"""Share of the weights equal in bf16 that moved in float32: from the first on the sparsity is of rounding, up to the
second it is not."""
ALIKE, TIMES = 0.05, 2.0
"""Two sparsities that differ by no more, and two shares of changed weights of which none is more than so many times the
other, are called alike."""

DECIDES = {
    "learning_rate": "learning rate", "updates": "optimiser steps", "warmup_updates": "warm-up steps",
    "weight_decay": "weight decay", "betas": "betas", "max_grad_norm": "largest gradient norm",
    "trained": "weights trained:",
}  # fmt: skip
"""What of a run's recipe decides how much is changed, beside its data -> what to call it."""
Meant = tuple[str, str]


def meaning(tuned: Told, beside: Told | None) -> Meant:
    """The verdict on a tuned model and its sentences; `beside` is `against_control`, None without a control."""
    whole, hidden = tuned["total"], tuned["hidden_share"]
    verdict = _verdict(whole["sparsity"], whole["changed"] + whole["changed_fp32"], hidden)
    sentence = f"{percent(1 - whole['sparsity'])} of the weights changed in bf16 (tolerance 1e-5)"
    if hidden is not None:
        sentence += (
            f"; in fp32 {percent(whole['changed_fp32'] / whole['weights'])} did, and of those that are equal in bf16 "
            f"{percent(hidden)} had moved in fp32{', hidden by rounding' if hidden else ''}"
        )
    elif tuned["exact"]:
        sentence += f"; in fp32 {percent(whole['changed_fp32'] / whole['weights'])} did"
    told = {
        "no change": "No weight differs.",
        "dense": "Most weights changed, so there is no sparsity to explain.",
        "rounding": "The sparsity is of the storage: rounding to bf16 hides small updates.",
        "partly rounding": "The sparsity is partly of the storage: rounding to bf16 hides some of the updates.",
        "not rounding": "The sparsity is not of the storage: most of these weights did not move in fp32 either.",
        "cannot be told": "Whether weights did not move, or rounding hides that they did, cannot be told without their "
        "fp32 values.",
    }[verdict]
    return verdict, " ".join([sentence + ".", told, *([] if beside is None else [beside["words"]])])


def _verdict(sparsity: float, changed: int, hidden: float | None) -> str:
    if not changed:
        return "no change"
    if sparsity < SPARSE:
        return "dense"
    if hidden is None:
        return "cannot be told"
    if hidden >= ROUNDING:
        return "rounding"
    return "not rounding" if hidden <= NOT_ROUNDING else "partly rounding"


def against_control(tuned: Told, control: Told) -> dict[str, Any]:
    """Sparsity beside the control's, and whether it may be compared: learning rate, optimiser steps and storage."""
    differs = recipe_differences(tuned, control)
    own, other = tuned["total"]["sparsity"], control["total"]["sparsity"]
    words = f"The control changed {percent(1 - other)} in bf16"
    if differs is None:
        words += "; whether it had the same learning rate and number of steps is not known."
    elif differs:
        words += f", but it is not the same training: {'; '.join(differs)}."
    elif _is_alike(1 - own, 1 - other):
        kinds = tuned["recipe"]["kind"], control["recipe"]["kind"]
        what = "about as much"
        if own >= SPARSE and kinds[0] != kinds[1]:
            what = f"so the sparsity is of learning rate and storage, not of {'RL' if kinds[0] == 'rl' else kinds[0]}"
        words += f" at the same learning rate and number of steps, {what}."
        if kinds[0] == kinds[1]:
            words += f" It is a run of {kinds[1]} itself, and cannot tell what {kinds[0]} does."
    else:
        more = "fewer" if own > other else "more"
        words += (
            f" at the same learning rate and number of steps: the tuned model changed {more} weights than these "
            "explain."
        )
    alike = None if differs is None or differs else _is_alike(1 - own, 1 - other)
    return {"differs": differs, "alike": alike, "words": words}


def _is_alike(changed: float, control: float) -> bool:
    """Whether two shares of changed weights are near, and of one order."""
    less, more = sorted((changed, control))
    return more - less <= ALIKE and more <= TIMES * less


def recipe_differences(tuned: Told, control: Told) -> list[str] | None:
    """In words, where the trainings differ in what decides sparsity; None where it is not known."""
    ours, theirs = tuned["recipe"], control["recipe"]
    if ours is None or theirs is None or ours["updates"] is None or theirs["updates"] is None:
        return None
    differs = []
    for key, words in DECIDES.items():
        if ours[key] != theirs[key]:
            differs.append(f"{words} {_words(theirs[key])}, the tuned model's {_words(ours[key])}")
    stored = [" and ".join(each["stored"]["tuned"]) for each in (control, tuned)]
    if stored[0] != stored[1]:
        differs.append(f"stored as {stored[0]}, the tuned model as {stored[1]}")
    return differs


def notes(models: Mapping[str, Told], tuned: str, control: str | None) -> list[str]:
    """Sentences that a reader should see beside the numbers."""
    found = []
    for label, told in models.items():
        if not told["exact"] and set(told["stored"]["tuned"]) == {"F32"} and told["total"]["changed_fp32"]:
            found.append(
                f"{label} is stored as F32, but every value is one of float16 or bf16: it was rounded before it was "
                "saved so, and what moved less than that cannot be known."
            )
        base, own = (" and ".join(told["stored"][which]) for which in ("base", "tuned"))
        if base != own and told["fp32"] != "masters":
            found.append(
                f"{label} is stored as {own} and its base as {base}: in the fp32 view this rounding counts as change."
            )
        if told["left_out"]:
            names = ", ".join(told["left_out"][:3]) + (", ..." if len(told["left_out"]) > 3 else "")
            found.append(f"Left out of {label}, since tied to another tensor or of whole numbers: {names}.")
    if control is not None and recipe_differences(models[tuned], models[control]) is None:
        found.append(
            f"{control} or {tuned} is no run whose learning rate and number of steps are known: that they are the "
            "same is not checked, and sparsity depends on both."
        )
    return found


def _words(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(_words, value))
    return f"{value:,g}" if isinstance(value, int | float) else str(value)


def percent(share: float) -> str:
    """Two significant digits where it is close to 0 or 100; never rounded to all or nothing."""
    value = 100 * share
    if value in (0, 100) or 10 <= value <= 90:
        return f"{value:.0f} %"
    text = f"{value:.1f}" if 1 <= value <= 99 else f"{value:.2f}"
    if float(text) == 0:
        return "less than 0.01 %"
    return "more than 99.99 %" if float(text) == 100 else f"{text} %"
