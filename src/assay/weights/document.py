"""weights.json: what changed in the weights, beside a control, and one sentence of what it means (docs/weights.md)."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assay import __version__
from assay.audits.labels import make_labels, numbered
from assay.errors import AssayError, ModelError
from assay.files import ignore
from assay.recipe import Recipe, RunRecipe
from assay.weights.checkpoint import Checkpoint
from assay.weights.compare import TOLERANCES, Change, Counts, compare, total
from assay.weights.meaning import against_control, meaning, notes
from assay.weights.names import KINDS, kind_of, layer_of
from assay.weights.overlap import overlaps
from assay.weights.pairs import PAPER_TOLERANCE, Pair, open_pair

SCHEMA = "assay.weights/1"
AT_PAPER = TOLERANCES.index(PAPER_TOLERANCE)
METHOD = (
    "Sparsity: the share of weights that differ by at most 1e-5, both rounded to bf16 and subtracted in bf16 "
    "(arXiv 2505.11711). The fp32 view subtracts what is stored, and where a run kept float32 masters, those, from the "
    "base rounded to bf16, which is what its training started from. Norms are those of the fp32 view"
)
RANK_METHOD = (
    "Rank: singular values of the fp32 update above max(m, n) x eps of float32 x the largest of them, and above those "
    "of noise of the size of what rounding to float32 adds; not known where the weights were rounded further"
)


@dataclass(frozen=True)
class Asked:
    """What to compare: references of models (see `find_model`); `rank` asks for the rank of every matrix's update."""

    base: str
    tuned: str
    control: str | None = None
    overlap: Sequence[str] = ()
    rank: bool = False


def measure(asked: Asked, advance: Callable[[int], None] = ignore) -> dict[str, Any]:
    """The document weights.json; `advance` counts weights. Raises ModelError where checkpoints do not fit."""
    pair = open_pair(asked.base, asked.tuned)
    references = [*([] if asked.control is None else [asked.control]), *asked.overlap]
    others = [open_pair(pair.base, reference) for reference in references]
    runs = dict(zip(_labels([each.tuned for each in (pair, *others)]), (pair, *others), strict=True))
    name, *more = runs
    control = None if asked.control is None else more[0]
    models = {label: _told(runs[label], asked.rank, advance) for label in (name, control) if label is not None}
    tuned = models[name]
    beside = None if control is None else against_control(tuned, models[control])
    verdict, words = meaning(tuned, beside)
    return {
        "schema": SCHEMA,
        "assay_version": __version__,
        "base": pair.base.name,
        "tuned": name,
        "control": control,
        "verdict": verdict,
        "words": words,
        "against_control": beside,
        "models": models,
        "overlap": overlaps(runs) if asked.overlap else [],
        "notes": notes(models, name, control),
        "settings": {
            "tolerance": PAPER_TOLERANCE,
            "tolerances": list(TOLERANCES),
            "method": f"{METHOD}. {RANK_METHOD}" if asked.rank else METHOD,
        },
    }


def _labels(checkpoints: Sequence[Checkpoint]) -> tuple[str, ...]:
    """Their names; of several of one name, such as runs of one recipe, the part of the paths that tells them apart."""
    labels = [checkpoint.name for checkpoint in checkpoints]
    for name, count in Counter(labels).items():
        if count > 1:
            at = [index for index, checkpoint in enumerate(checkpoints) if checkpoint.name == name]
            paths = [str(each.folder if each.run is None else each.run.path) for each in (checkpoints[i] for i in at)]
            for index, label in zip(at, make_labels(paths), strict=True):
                labels[index] = label
    return numbered(labels)


def _told(pair: Pair, rank: bool, advance: Callable[[int], None]) -> dict[str, Any]:
    """What is measured of one tuned model."""
    changes = compare(pair, rank, advance)
    whole = total(change.counts for change in changes)
    groups: dict[tuple[int | None, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((layer_of(change.name), kind_of(change.name)), []).append(change)
    order = sorted(groups, key=lambda key: (key[0] is not None, key[0] or 0, KINDS.index(key[1])))
    is_stored_whole = all(pair.tuned.tensors[name].dtype == "F32" for name in pair.names)
    is_same = is_stored_whole and whole.unchanged_fp32[0] == whole.weights
    exact = pair.masters is not None or whole.fine > 0 or is_same
    if not math.isfinite(whole.update_squares):
        raise ModelError(
            f"{pair.tuned.folder}: differs from {pair.base.folder} by more than float32 can hold; "
            "such a model cannot be compared: give an earlier checkpoint"
        )
    return {
        "stored": {"base": _dtypes(pair.base, pair.names), "tuned": _dtypes(pair.tuned, pair.names)},
        "fp32": "masters" if pair.masters is not None else "as stored",
        "exact": exact,
        "recipe": _recipe(pair.tuned),
        "total": _record(whole),
        "curve": {
            "bf16": [unchanged / whole.weights for unchanged in whole.unchanged_bf16],
            "fp32": [unchanged / whole.weights for unchanged in whole.unchanged_fp32],
        },
        "hidden_share": whole.hidden / whole.equal if exact and whole.equal else None,
        "layers": [
            {"layer": layer, "kind": kind, **_record(total(each.counts for each in groups[layer, kind]))}
            for layer, kind in order
        ],
        "tensors": [_of_tensor(change) for change in changes],
        "left_out": sorted(set(pair.tuned.tensors) - set(pair.names)),
    }


def _record(counts: Counts) -> dict[str, Any]:
    n = counts.weights
    update, base = math.sqrt(counts.update_squares), math.sqrt(counts.base_squares)
    return {
        "weights": n,
        "changed": n - counts.unchanged_bf16[AT_PAPER],
        "sparsity": counts.unchanged_bf16[AT_PAPER] / n if n else None,
        "equal": counts.equal,
        "changed_fp32": n - counts.unchanged_fp32[0],
        "hidden": counts.hidden,
        "update_norm": update,
        "relative_update_norm": update / base if base else None,
    }


def _of_tensor(change: Change) -> dict[str, Any]:
    rank = None
    if change.rank is not None:
        rank = {"rank": change.rank, "share": change.rank / min(change.shape) if min(change.shape) else None}
    where = {"layer": layer_of(change.name), "kind": kind_of(change.name)}
    return {"name": change.name, "shape": list(change.shape), **where, **_record(change.counts), "rank": rank}


def _dtypes(checkpoint: Checkpoint, names: Sequence[str]) -> dict[str, int]:
    """Dtype -> number of tensors that are stored in it."""
    return dict(sorted(Counter(checkpoint.tensors[name].dtype for name in names).items()))


def _recipe(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """What the training of a run says of itself; None for what is no run, or one of another version."""
    if checkpoint.run is None:
        return None
    try:
        recipe = checkpoint.run.any_recipe
    except AssayError:
        return None
    updates = recipe.algorithm.get("updates", 1) if isinstance(recipe, Recipe) else 1
    optimizer = recipe.optimizer
    return {
        "kind": recipe.kind,
        "learning_rate": optimizer.learning_rate,
        "updates": None if recipe.steps is None else recipe.steps * updates,
        "warmup_updates": optimizer.warmup_steps * updates,
        "weight_decay": optimizer.weight_decay,
        "betas": list(optimizer.betas),
        "max_grad_norm": optimizer.max_grad_norm,
        "trained": _trained(recipe),
    }


def _trained(recipe: RunRecipe) -> str:
    if recipe.optimizer.mask is not None:
        return "those of a mask"
    return "adapters" if getattr(recipe.model, "lora", None) is not None else "all"
