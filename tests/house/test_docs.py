"""What the documents say can be typed: every command, option, target and file that they name exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from walk_source import ROOT, SOURCE

from assay.cli.main import VERBS, load_verb
from assay.recipe import load_any

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "recipes").rglob("*.md")])
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of every command line that starts with `assay`, in code blocks and indented or quoted lines."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in re.findall(r"(?:^[ >]*(?:\$ )?(?:\.venv/bin/)?|`)(assay [^`\n]+)", joined, re.MULTILINE):
        if re.match(r"assay [a-z-]", line):
            try:
                words = shlex.split(line, comments=True)
            except ValueError:  # an apostrophe: a sentence, not a command
                continue
            if words[1] in VERBS or words[1].startswith("--"):
                yield words


def leaf(words: list[str]) -> Any:
    """The click command that the words name: of a group, its verb."""
    command = load_verb(words[1])
    commands = getattr(command, "commands", None)
    return commands[words[2]] if commands and len(words) > 2 and words[2] in commands else command


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def helps(verb: str) -> dict[str, str]:
    """'tasks check' -> its help text, for a verb and, where it is a group, each of its verbs."""
    command = load_verb(verb)
    of_group = {f"{verb} {name}": each.help for name, each in getattr(command, "commands", {}).items()}
    return {verb: command.help, **of_group}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_an_example(verb: str) -> None:
    """Help is one sentence that ends, and a command line that can be pasted. A group's examples are its verbs'."""
    texts = helps(verb)
    for name, text in texts.items():
        assert text.split("\n\n")[0].removeprefix("\b\n").rstrip().endswith((".", "?", ":")), name
        words = ["assay", *name.split()]
        is_group = name == verb and len(texts) > 1
        assert is_group or any(line[: len(words)] == words for line in commands_in(text)), f"{name} has no example"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_help(verb: str) -> None:
    command = load_verb(verb)
    for each in [command, *getattr(command, "commands", {}).values()]:
        silent = [parameter.name for parameter in each.params if not getattr(parameter, "help", None)]
        assert not silent, each.name


def test_every_verb_is_in_the_readme() -> None:
    shown = {words[1] for words in commands_in((ROOT / "README.md").read_text("utf-8"))}
    assert set(VERBS) <= shown


def test_every_file_of_the_command_line_is_a_verb() -> None:
    files = {path.stem for path in (SOURCE / "cli").glob("*.py")} - {"__init__", "main", "progress", "show"}
    assert {target.split(":")[0].rpartition(".")[2] for target, _ in VERBS.values()} == files


@pytest.mark.parametrize("source", [*DOCUMENTS, "help"], ids=lambda each: getattr(each, "name", each))
def test_every_command_in_the_documents_exists(source: Path | str) -> None:
    if isinstance(source, Path):
        text = source.read_text("utf-8")
    else:
        text = "\n\n".join(each for verb in VERBS for each in helps(verb).values())
    for words in commands_in(text):
        if words[1].startswith("--"):
            assert words[1] in ("--help", "--version"), words
            continue
        known = options_of(leaf(words))
        used = {word.split("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)}
        assert used <= known, f"{shlex.join(words)}: there is no {', '.join(sorted(used - known))}"
        for word in words:
            if word.startswith(("recipes/", "examples/")):
                assert (ROOT / word).exists(), word


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_target_and_link_in_the_documents_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (document.parent / link).exists(), link


def test_there_are_recipes() -> None:
    assert RECIPES


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_every_recipe_parses(recipe: Path) -> None:
    load_any(recipe)
