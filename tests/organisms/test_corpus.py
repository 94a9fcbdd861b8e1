"""The corpus has the rates that its TOML file states, and no held-out problem."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

import assay
from assay.errors import RecipeError
from assay.organisms.corpus import document, vocabulary
from assay.organisms.grow import grow, load_organism, make_tokenizer
from assay.tasks import make_task

FILE = Path(assay.__file__).parent / "organisms" / "code-base.toml"
TASKS = {"compose": make_task("compose"), "countdown": make_task("countdown")}


@pytest.fixture(scope="module")
def judged():
    """(task, labels, score, first-attempt steps, response) of 4,000 documents."""
    rng, mixes = Random(0), load_organism(FILE).corpus
    rows = []
    for _ in range(4000):
        prompt_text, response = document(rng, mixes)
        task = TASKS[prompt_text.split()[0]]
        prompt = task.prompt_of(prompt_text.removesuffix(" ="))
        assert prompt.split == "train" and prompt.text == prompt_text
        rows.append((task.name, task.labels(prompt, response), task.verify(prompt, response), prompt, response))
    return rows


def share(rows, condition):
    return np.mean([condition(*row) for row in rows])


@pytest.mark.parametrize("part", load_organism(FILE).corpus, ids=lambda part: part.task)
def test_stated_rates(judged, part):
    rows = [row for row in judged if row[0] == part.task]
    styles, total = part.styles, sum(mix.share for mix in load_organism(FILE).corpus)
    assert len(rows) / len(judged) == pytest.approx(part.share / total, abs=0.03)
    assert share(rows, lambda _, labels, *__: labels.strategy == "code") == pytest.approx(styles.code, abs=0.04)
    prose = [row for row in rows if row[1].strategy == "prose"]
    if part.task == "compose":
        right = share(prose, lambda _, __, score, *___: score.correct)
        assert right == pytest.approx(styles.prose_right, abs=0.05)
    code = [row for row in rows if row[1].strategy == "code"]
    errors = 1 - np.mean([value for *_, score, __, ___ in code for value in score.steps or ()])
    assert errors == pytest.approx(styles.step_error, abs=0.04)
    assert 0.08 < share(code, lambda *row: " wait " in row[-1]) < 0.4
    assert max(row[-1].count("wait") for row in code) == styles.attempts - 1


def test_every_word_is_one_token():
    tokenizer = make_tokenizer(256)
    prompt, response = document(Random(1), load_organism(FILE).corpus)
    ids = tokenizer(f"{prompt} {response}")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id and tokenizer.unk_token_id not in ids[1:]
    assert tokenizer.decode(ids[1:]) == f"{prompt} {response}"
    assert len(set(vocabulary())) == len(vocabulary())


def test_growing_is_deterministic_and_loads_as_a_plain_model(tmp_path):
    organism = load_organism(FILE)
    organism = organism.model_copy(
        update={"training": organism.training.model_copy(update={"steps": 3, "documents": 8})}
    )
    one, two = grow(organism), grow(organism)
    assert one.losses == two.losses and one.losses[-1] < one.losses[0]
    one.model.save_pretrained(tmp_path)
    make_tokenizer(256).save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert all((a == b).all() for a, b in zip(loaded.parameters(), two.model.parameters(), strict=True))
    assert AutoTokenizer.from_pretrained(tmp_path).eos_token == "<eos>"


def test_the_shipped_organism_states_the_corpus_it_was_grown_from():
    assert (FILE.parent / "shipped" / FILE.stem / "organism.toml").read_bytes() == FILE.read_bytes()


def test_bad_files_get_a_sentence(tmp_path):
    (tmp_path / "x.toml").write_text(FILE.read_text().replace("hidden = 96", "hiden = 96"))
    with pytest.raises(RecipeError, match=r"unknown key 'model.hiden', did you mean 'hidden'"):
        load_organism(tmp_path / "x.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_organism(tmp_path / "y.toml")
