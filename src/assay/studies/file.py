"""A study in one TOML file: which rewards, from which models, with which seeds, audited on what. Strict, as recipes.

`load_study(path)` reads and checks one; `recipe_of` makes the recipe of one of its runs, an ordinary one;
`sampling_recipe` says how all models of a family are sampled; `check_grown` lets a study grow and not change.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, model_validator

from assay.config import Strict, build
from assay.errors import RecipeError
from assay.recipe import Recipe, set_value
from assay.rewards import NOT, terms

NAME = r"^[A-Za-z0-9._]+(-[A-Za-z0-9._]+)*$"
"""Of families and arms: names of folders, without the two hyphens that part them in names of files."""
VOTES = ("majority:votes", "incorrect:votes")
"""Terms of rewards whose file is the one that the family's base was asked to vote in."""


class PoolTable(Strict):
    """The problems of the train split that every run is confined to, answered by each family's base beforehand."""

    problems: int = Field(512, ge=1)
    votes: int = Field(64, ge=1)
    """Answers a problem: what `majority:votes` and `incorrect:votes` take their labels from."""


class ArmTable(Strict):
    """One reward, or one way to train on it."""

    reward: tuple[str, ...] = Field(("ground_truth",), min_length=1)
    set: tuple[str, ...] = ()
    """Overrides of the recipe, as `--set` takes them."""


class AuditedTable(Strict):
    """A task on which every model is sampled, on held-out problems; the first is the one that questions are about."""

    task: str
    problems: int = Field(128, ge=2)
    n: int = Field(64, ge=1)


class BudgetTable(Strict):
    """What the study may take of the machine."""

    processes: int = Field(2, ge=1)
    """Runs at once, of one thread each."""
    memory_gib: float = Field(8.0, gt=0)
    """For all of them together."""


class Study(Strict):
    """Arms x families x seeds, and what every model is asked afterwards."""

    name: str = Field(pattern=NAME)
    seeds: tuple[int, ...] = Field(min_length=1)
    families: dict[str, str] = Field(min_length=1)
    """Name -> base model."""
    recipe: dict[str, Any]
    """A recipe of kind `rl` without `name`, `seed`, `model.base` and `reward`, which each run gets."""
    pool: PoolTable = PoolTable()
    arms: dict[str, ArmTable] = Field(min_length=1)
    audits: tuple[AuditedTable, ...] = Field(min_length=1)
    matched: tuple[str, ...] = ()
    """Arms whose models are sampled again at the temperature at which their entropy is their base's."""
    budget: BudgetTable = BudgetTable()
    data: str | None = None
    """Local data for the recipe's task, as `--data` of `assay train`."""

    @model_validator(mode="after")
    def _fits(self) -> "Study":
        for table, names in (("families", self.families), ("arms", self.arms)):
            for name in names:
                Names.model_validate({"name": name})
            if "base" in names:
                raise ValueError(f"{table}: 'base' is what the model before training is called; take another name")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: one is there twice, and the same run again is no second one")
        for name in self.matched:
            if name not in self.arms:
                raise ValueError(f"matched: there is no arm {name!r}; arms are {', '.join(self.arms)}")
        tasks = [audited.task for audited in self.audits]
        if len(set(tasks)) < len(tasks):
            raise ValueError("audits: a task is there twice; give each once")
        return self

    def to_toml(self) -> str:
        """The study with all its defaults."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


class Names(Strict):
    """Checks the name of a family or of an arm."""

    name: str = Field(pattern=NAME)


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """The study in the TOML file `path`, with `table.key=value` overrides. Raises RecipeError for what is wrong."""
    study = build(Study, _tables(path, overrides), str(path))
    for key in ("name", "seed", "reward"):
        if key in study.recipe:
            raise RecipeError(f"{path}: recipe.{key} is the study's to give; take it out of [recipe]")
    for family in study.families:
        for arm in study.arms:
            recipe_of(study, family, arm, study.seeds[0], Path("votes.parquet"), str(path))
    return study


def _tables(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot read this study ({error.strerror}); give the path of a TOML file") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: is not a text file; a study is TOML in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: is not valid TOML: {error}") from None
    for override in overrides:
        set_value(tables, override)
    return tables


def recipe_of(study: Study, family: str, arm: str, seed: int, votes: Path, where: str) -> Recipe:
    """The recipe of one run, confined to the problems of `votes`. Raises RecipeError; `where` names the study."""
    tables = _of_family(study, family, where)
    tables["name"], tables["seed"] = f"{study.name}-{family}-{arm}", seed
    tables["reward"] = {"functions": [_with_votes(name, votes) for name in study.arms[arm].reward]}
    tables.setdefault("rollout", {})["problems"] = str(votes)
    for override in study.arms[arm].set:
        set_value(tables, override)
    return build(Recipe, tables, f"{where}: arm {arm}")


def sampling_recipe(study: Study, family: str, where: str) -> Recipe:
    """The recipe without what arms change in it: all models of a family are sampled by it. Raises RecipeError."""
    return build(Recipe, {**_of_family(study, family, where), "name": study.name}, where)


def check_grown(there: Study, asked: Study, where: str) -> None:
    """Raises RecipeError, which names what differs, unless `asked` is the study `there`, grown.

    It may have more families and arms, and more seeds, audits and matched arms behind those that are there; the budget
    may be another. So a finished run is one of both.
    """
    old, new = flat(there.model_dump(mode="json", exclude={"budget"})), flat(asked.model_dump(mode="json"))
    for key in (("seeds",), ("audits",), ("matched",)):
        new[key] = old[key] if new[key][: len(old[key])] == old[key] else new[key]
    different = [
        f"{'.'.join(path)} is {_told(old, path)} there and {_told(new, path)} here"
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path) and path[0] != "budget" and not _is_added(path, there)
    ]
    if different:
        raise RecipeError(f"{where}: holds another study ({'; '.join(different)}); give another --out, or that study")


def _is_added(path: tuple[str, ...], there: Study) -> bool:
    return path[0] in ("families", "arms") and path[1] not in getattr(there, path[0])


def flat(tables: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Path of keys -> value, of nested tables."""
    found: dict[tuple[str, ...], Any] = {}
    for key, value in tables.items():
        found |= flat(value, (*above, key)) if isinstance(value, dict) else {(*above, key): value}
    return found


def _told(flat: Mapping[tuple[str, ...], Any], path: tuple[str, ...]) -> str:
    return json.dumps(flat[path]) if path in flat else "not given"


def _of_family(study: Study, family: str, where: str) -> dict[str, Any]:
    """The tables of the study's recipe, with the family's base."""
    tables: dict[str, Any] = _copied(study.recipe)
    model = tables.setdefault("model", {})
    if "base" in model:
        raise RecipeError(f"{where}: recipe.model.base is the study's to give, by [families]; take it out of [recipe]")
    model["base"] = study.families[family]
    return tables


def _copied(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in tables.items()}


def _with_votes(name: str, votes: Path) -> str:
    """A reward whose labels are the study's own votes, with the file that holds them."""
    return " and ".join(
        f"{term.removesuffix('votes')}{votes}" if term.removeprefix(NOT) in VOTES else term for term in terms(name)
    )
