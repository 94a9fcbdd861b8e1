"""The run directory. Only this file knows its names.

RUN/run.json          manifest: status, base, fingerprint, versions, git revision, seed, arguments
RUN/recipe.toml       the resolved recipe
RUN/metrics.jsonl     one JSON object a step
RUN/errors.txt        what rewards raised, each cause once, with its traceback, and alarms; only where there are some
RUN/rollouts/         stored training samples, step-000010.parquet
RUN/checkpoints/      step-000020/ with weights, optimiser state and state.json
RUN/model/            the trained model as a plain Hugging Face directory
RUN/masters.safetensors  its float32 masters by the names of its parameters; only where it is stored in another dtype
RUN/adapter/          the LoRA adapter that was trained and merged into it, as a peft directory; only where there is one
RUN/quality.json      of a reward model: accuracy, calibration, what its reward goes with
RUN/audit/            samples, findings.json and report.html of `assay audit RUN`
"""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from assay import __version__
from assay.errors import RunError
from assay.files import held, write_text
from assay.recipe import PolicyRecipe, Recipe, RunRecipe, parse_any

MANIFEST = "run.json"
PACKAGES = ("torch", "transformers", "safetensors", "numpy", "polars")


class Run:
    """A run directory, opened or made anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.errors = path / "errors.txt"
        self.model = path / "model"
        self.masters = path / "masters.safetensors"
        self.adapter = path / "adapter"
        self.rollouts = path / "rollouts"
        self.checkpoints = path / "checkpoints"
        self.audit = path / "audit"
        self.quality = path / "quality.json"

    @staticmethod
    def is_run(path: Path) -> bool:
        """Whether `path` is a run directory."""
        return (path / MANIFEST).is_file()

    @classmethod
    def create(cls, path: Path, recipe: RunRecipe, recipe_file: str, overrides: list[str]) -> "Run":
        """Makes the directory with its manifest. Raises RunError where something is there already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            next_step = f"continue it with: assay train --resume {path}" if cls.is_run(path) else "give another --out"
            raise RunError(f"{path}: already exists; {next_step}")
        run = cls(path)
        write_text(path / "recipe.toml", recipe.to_toml())
        run.update_manifest(
            status="started",
            name=recipe.name,
            base=recipe.model.base,
            recipe_file=recipe_file,
            overrides=overrides,
            kind=recipe.kind,
            fingerprint=recipe.fingerprint,
            seed=recipe.seed,
            steps=recipe.steps,
            versions=versions(),
            git=git_revision(),
            platform={"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()},
        )
        return run

    @classmethod
    def open(cls, path: Path) -> "Run":
        """The run in `path`. Raises RunError where there is none."""
        if not cls.is_run(path):
            raise RunError(f"{path}: no run there (no {MANIFEST}); give the directory that assay train wrote")
        return cls(path)

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest as it stands."""
        path = self.path / MANIFEST
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise RunError(f"{path}: is not valid JSON ({error}); restore it or start the run anew") from None
        if not isinstance(found, dict):
            raise RunError(f"{path}: is not a JSON object; restore it or start the run anew")
        return found

    def update_manifest(self, **entries: Any) -> None:
        """Sets entries of the manifest, atomically."""
        write_text(self.path / MANIFEST, json.dumps(self.manifest | entries, indent=2) + "\n")

    def keep_same(self, key: str, hashes: dict[str, str]) -> None:
        """Notes hashes of what the run depends on in its manifest. Raises RunError where one has changed since."""
        before = self.manifest.get(key, {})
        for name, found in hashes.items():
            if before.get(name, found) != found:
                raise RunError(
                    f"{self.path}: its {name} had the hash {before[name]} when the run began, and now has {found}; put "
                    "the old one back, or start a new run"
                )
        self.update_manifest(**{key: before | hashes})

    def keep_files(self, files: Iterable[Path | None]) -> None:
        """As `keep_same`, with the hashes of data files; what is None, or no file, is passed over."""
        hashes = {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            for path in files
            if path is not None and path.is_file()
        }
        self.keep_same("data_files", hashes)

    @property
    def any_recipe(self) -> RunRecipe:
        """The resolved recipe of the run, of whatever kind."""
        path = self.path / "recipe.toml"
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RunError(f"{path}: cannot be read ({error.strerror}); the run directory is incomplete") from None
        return parse_any(text, str(path), [])

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe of a run of reinforcement learning. Raises RunError for another kind."""
        recipe = self.any_recipe
        if not isinstance(recipe, Recipe):
            raise RunError(f"{self.path}: is a run that trained a {recipe.kind}; give one of reinforcement learning")
        return recipe

    @property
    def policy_recipe(self) -> PolicyRecipe:
        """The resolved recipe of a run that trained a policy, by whatever loop. Raises RunError for another kind."""
        recipe = self.any_recipe
        if not isinstance(recipe, PolicyRecipe):
            raise RunError(f"{self.path}: is a run that trained a {recipe.kind}; give one that trained a policy")
        return recipe

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the run for this process. Raises RunError where another one is training it."""
        with held(self.path, "another process is training this run; wait for it, or stop it"):
            yield

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Adds one step's numbers; None stays null, and NaN or infinity is a fault of ours."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")

    def append_error(self, text: str) -> None:
        """Adds what went wrong with a reward to `errors.txt`."""
        with self.errors.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """All whole rows; a last line torn by a kill is left out."""
        if not self.metrics.is_file():
            return []
        lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        try:
            return [json.loads(line) for line in lines if line.endswith("\n")]
        except ValueError as error:
            raise RunError(f"{self.metrics}: has a line that is not JSON ({error}); remove that line") from None

    def keep_metrics_before(self, step: int) -> None:
        """Drops the rows of `step` and later: they will be computed again, to the same numbers."""
        kept = [row for row in self.read_metrics() if row["step"] < step]
        write_text(self.metrics, "".join(json.dumps(row) + "\n" for row in kept))

    def checkpoint(self, step: int) -> Path:
        """Directory of the checkpoint after `step` steps."""
        return self.checkpoints / f"step-{step:06d}"

    def last_checkpoint(self) -> Path | None:
        """The newest whole checkpoint; half-written ones have other names."""
        found = sorted(self.checkpoints.glob("step-*")) if self.checkpoints.is_dir() else []
        return found[-1] if found else None

    def is_finished(self) -> bool:
        """Whether the trained model has been written."""
        return self.manifest["status"] == "finished" and self.model.is_dir()

    def finished_steps(self) -> int:
        """Steps that the newest checkpoint holds; 0 where there is none."""
        path = self.last_checkpoint()
        return int(path.name.removeprefix("step-")) if path else 0

    def remove_if_unbegun(self) -> bool:
        """Removes the directory where no step was finished, so that its name is free again; True where it did."""
        if self.read_metrics() or self.last_checkpoint():
            return False
        shutil.rmtree(self.path)
        return True

    def rollout_file(self, step: int) -> Path:
        """Where a step's training samples are stored."""
        return self.rollouts / f"step-{step:06d}.parquet"

    def stored_rollouts(self) -> dict[int, Path]:
        """Step -> the file of its training samples, for those that were stored, in order."""
        found = sorted(self.rollouts.glob("step-*.parquet")) if self.rollouts.is_dir() else []
        return {int(path.stem.removeprefix("step-")): path for path in found}


def annotators_of(model: str) -> list[str] | None:
    """The simulated annotators whose preferences a model learned from, themselves or by its reward models.

    `model` names a run, the model within one, or a reward model that was copied elsewhere, whose config.json names
    them. None where nothing says.
    """
    path = Path(model).expanduser()
    if not path.is_dir():
        return None
    manifest = next((Run(each).manifest for each in (path, path.resolve().parent) if Run.is_run(each)), None)
    if manifest is not None and "reward_annotators" in manifest:
        told = [name for names in manifest["reward_annotators"].values() for name in names or ()]
        return sorted(set(told))
    if manifest is None and (path / "config.json").is_file():
        manifest = json.loads((path / "config.json").read_text(encoding="utf-8"))
    found = (manifest or {}).get("annotators")
    return found if found is None else list(map(str, found))


def versions() -> dict[str, str]:
    """Versions of Assay, Python and the packages that decide numbers."""
    found = {"assay": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """Revision of the source tree that runs, with '+changes' where it has some; None outside a checkout."""
    source = Path(__file__).parent
    try:
        command = ["git", "-C", str(source), "describe", "--always", "--dirty=+changes", "--abbrev=12"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    inside = subprocess.run(
        ["git", "-C", str(source), "ls-files", "--error-unmatch", "store.py"], capture_output=True, check=False
    )
    return done.stdout.strip() if inside.returncode == 0 else None


def command_line() -> list[str]:
    """The arguments as passed, for the manifest."""
    return sys.argv[1:]
