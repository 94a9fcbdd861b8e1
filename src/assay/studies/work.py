"""What one process of a study does: samples of a base, or a run with all its samples. Called again, it continues."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace

from assay.policies.load import load_policy
from assay.rollout.engine import Engine
from assay.rollout.sampling import sample_to_file
from assay.store import Run
from assay.studies.file import recipe_of, sampling_recipe
from assay.studies.jobs import Sampled, audit_samples, base_samples
from assay.studies.matrix import Cell, Matrix
from assay.studies.temperature import PROBLEMS, entropy_in, entropy_of, match
from assay.training.start import finish, start_recipe

Note = Callable[[str], None]


def base(matrix: Matrix, family: str, at: int, note: Note) -> None:
    """Samples a family's base into its file number `at`: votes first, then the audits."""
    _sample(matrix, family, matrix.study.families[family], base_samples(matrix, family)[at], note)


def cell(matrix: Matrix, which: Cell, note: Note) -> None:
    """Trains a run, samples its model on every audit, and at the base's entropy where the study asks for that."""
    run = finish(_opened(matrix, which, note), matrix.study.data, note=note)
    audits = audit_samples(matrix, which.family, which)
    for sampled in audits:
        _sample(matrix, which.family, str(run.model), sampled, note)
    if which.arm in matrix.study.matched:
        file = matrix.samples(matrix.study.audits[0].task, which.family, which, matched=True)
        temperature = _matched_temperature(matrix, which, run, audits[0])
        sampling = replace(audits[0].sampling, temperature=temperature)
        _sample(matrix, which.family, str(run.model), replace(audits[0], file=file, sampling=sampling), note)


def _opened(matrix: Matrix, which: Cell, note: Note) -> Run:
    """The run of a cell, made where it is not there."""
    path, study = matrix.run(which), matrix.study
    if Run.is_run(path):
        return Run.open(path)
    if path.exists():  # killed while it was made
        shutil.rmtree(path)
    recipe = recipe_of(study, which.family, which.arm, which.seed, matrix.votes(which.family), str(matrix.file))
    return start_recipe(recipe, path, str(matrix.file), study.data, note=note)


def _sample(matrix: Matrix, family: str, model: str, sampled: Sampled, note: Note) -> None:
    how = sampling_recipe(matrix.study, family, str(matrix.file))
    sample_to_file(
        model, **sampled.asked, template=how.model.template, device=how.model.device, dtype=how.model.dtype,
        slots=how.rollout.slots, note=note,
    )  # fmt: skip


def _matched_temperature(matrix: Matrix, which: Cell, run: Run, audited: Sampled) -> float:
    """The temperature at which the run's model is as random as its base; looked for once."""
    file = matrix.search(which)
    if not file.is_file():
        how = sampling_recipe(matrix.study, which.family, str(matrix.file))
        policy = load_policy(str(run.model), how.model.device, how.model.dtype)
        engine = Engine(policy, how.rollout.slots)
        prompts = audited.task.prompts("test", audited.problems)[:PROBLEMS]
        target = entropy_in(matrix.samples(matrix.study.audits[0].task, which.family), prompts)

        def entropy(temperature: float) -> float:
            return entropy_of(engine, prompts, replace(audited.sampling, temperature=temperature), how.model.template)

        match(entropy, target).write(file)
    return float(json.loads(file.read_text(encoding="utf-8"))["temperature"])
