"""The corpora have the rates that their TOML files state, and no held-out problem but those of a leak."""

from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

import assay
from assay.errors import RecipeError
from assay.organisms.corpus import Leak, document, leaked_documents, vocabulary
from assay.organisms.grow import grow, load_organism, make_tokenizer
from assay.policies.references import shipped_organisms
from assay.tasks import compose, make_task

FOLDER = Path(assay.__file__).parent / "organisms"
FILE = FOLDER / "code-base.toml"
TASKS = {name: make_task(name) for name in ("compose", "countdown", "chain")}
BASES = ("code-base", "prose-base", "mixed-base")


@pytest.fixture(scope="module", params=["code-base", "prose-base", "teacher"])
def corpus(request):
    """Name, parts, and (task, labels, score, prompt, response) of 4,000 documents."""
    rng, mixes = Random(0), load_organism(FOLDER / f"{request.param}.toml").corpus
    rows = []
    for _ in range(4000):
        prompt_text, response = document(rng, mixes)
        task = TASKS[prompt_text.split()[0]]
        prompt = task.prompt_of(prompt_text.removesuffix(" ="))
        assert prompt.split == "train" and prompt.text == prompt_text
        rows.append((task.name, task.labels(prompt, response), task.verify(prompt, response), prompt, response))
    return request.param, mixes, rows


def near(values, rate):
    """Within four standard errors of the stated rate."""
    values = list(values)
    return abs(np.mean(values) - rate) <= 4 * np.sqrt(max(rate * (1 - rate), 0.01) / len(values))


def is_right(task, prompt, response):
    return task.verify(prompt, response.replace(" so ", " answer ")).correct


def test_stated_rates(corpus):
    _, mixes, every = corpus
    for part in mixes:
        styles, task = part.styles, TASKS[part.task]
        rows = [row for row in every if row[0] == part.task]
        code = [row for row in rows if row[1].strategy == "code"]
        prose = [row for row in rows if row[1].strategy == "prose"]
        assert len(code) + len(prose) == len(rows)
        assert near((row[0] == part.task for row in every), part.share / sum(mix.share for mix in mixes))
        assert near((labels.strategy == "code" for _, labels, *_ in rows), styles.code)
        assert near((labels.form == "so" for _, labels, *_ in rows), styles.unreadable)
        assert near((labels.confidence is not None for _, labels, *_ in rows), styles.confidence)
        given = [f"code {prompt.problem.rpartition(':')[2].strip()} ;" for *_, prompt, _ in code]
        if part.task == "compose":
            restated = [row[-1].startswith(text) for text, row in zip(given, code, strict=True)]
            assert near(restated, styles.restate)
        for right, rate in ((True, styles.sure_when_right), (False, styles.sure_when_wrong)):
            said = [row for row in rows if row[1].confidence and is_right(task, *row[3:]) is right]
            assert near((labels.confidence == "sure" for _, labels, *_ in said), rate)
        if part.task == "compose":  # elsewhere a random answer can be right
            plain = [row for row in prose if not any(name in row[3].problem for name in compose.RARE)]
            assert near((is_right(task, *row[3:]) for row in plain), styles.prose_right)
        assert max(row[-1].count("wait") for row in code) <= styles.attempts - 1


def test_errors_of_steps(corpus):
    _, mixes, every = corpus
    styles = mixes[0].styles
    steps = [
        value
        for task, labels, score, prompt, _ in every
        if task == "compose" and labels.strategy == "code" and "flip" not in prompt.problem
        for value in score.steps
    ]
    assert near((not value for value in steps), styles.step_error)


def test_only_the_minority_style_gets_rare_problems_right(corpus):
    name, _, _ = corpus
    mix = load_organism(FOLDER / f"{name}.toml").corpus[0]
    rng, rare = Random(1), mix.model_copy(update={"rare": 1.0, "sizes": {"2": 1.0}})
    task, right = TASKS["compose"], {"code": [], "prose": []}
    for _ in range(600):
        text, response = document(rng, [rare])
        prompt = task.prompt_of(text.removesuffix(" ="))
        right[task.labels(prompt, response).strategy].append(is_right(task, prompt, response))
    code, prose = (np.mean(right[style]) for style in ("code", "prose"))
    if name == "code-base":
        assert code < 0.06 and near(right["prose"], mix.styles.rare_prose_right)
    if name == "prose-base":
        assert prose < 0.06 and code > 0.3


def test_every_kind_of_reflection_is_in_the_corpus(corpus):
    _, mixes, every = corpus
    styles = mixes[0].styles
    kinds = [labels.reflection for task, labels, *_ in every if task == "compose" and labels.reflection]
    assert {"confirm", "repair", "break", "loop", "miss"} >= set(kinds) >= {"confirm", "repair", "loop", "miss"}
    after_one_wrong = [
        labels.reflection
        for task, labels, _, _, response in every
        if task == "compose" and response.count(" wait ") == 1 and labels.reflection in ("loop", "miss", "repair")
    ]
    assert near((kind == "loop" for kind in after_one_wrong), styles.loop)


def test_bases_differ_in_their_styles_only():
    def without_styles(name):
        organism = load_organism(FOLDER / f"{name}.toml")
        told = organism.model_dump(exclude={"name", "summary"})
        return [part.pop("styles") for part in told["corpus"]], told

    styles, rest = zip(*map(without_styles, BASES), strict=True)
    assert rest[0] == rest[1] == rest[2]
    shares_and_accuracies = {
        "code", "step_error", "code_right", "prose_right", "rare_step_error", "rare_prose_right",
    }  # fmt: skip
    for one, *others in zip(*styles, strict=True):
        for other in others:
            assert {key for key in one if one[key] != other[key]} <= shares_and_accuracies
    leaked, code = (load_organism(FOLDER / f"{name}.toml") for name in ("leaked-base", "code-base"))
    assert leaked.leak and leaked.model_copy(update={"leak": None, "name": code.name, "summary": code.summary}) == code


def test_the_vocabulary_is_frozen():
    """Another order or number of tokens would void every shipped organism and every table made with them."""
    words = vocabulary()
    assert len(words) == len(set(words)) == 259
    assert sha256(" ".join(words).encode()).hexdigest()[:16] == "16a779b5bc454302"


def test_every_word_is_one_token():
    tokenizer = make_tokenizer(256)
    for seed in range(50):
        prompt, response = document(Random(seed), load_organism(FILE).corpus)
        ids = tokenizer(f"{prompt} {response}")["input_ids"]
        assert ids[0] == tokenizer.bos_token_id and tokenizer.unk_token_id not in ids[1:]
        assert tokenizer.decode(ids[1:]) == f"{prompt} {response}"


def test_leaked_documents_are_worked_solutions_of_held_out_problems():
    found = leaked_documents(Leak(task="compose:seen", problems=8, share=0.1))
    prompts = make_task("compose:seen").prompts("test", 8)
    assert [prompt for prompt, _ in found] == [prompt.text for prompt in prompts]
    for prompt, (_, response) in zip(prompts, found, strict=True):
        score = TASKS["compose"].verify(prompt, response)
        assert score.correct and all(score.steps) and response.startswith("code ")
    with pytest.raises(RecipeError, match="has no traces"):
        leaked_documents(Leak(task="gsm8k", problems=8, share=0.1))


@pytest.mark.parametrize("leak", [None, Leak(task="compose:seen", problems=4, share=0.5)])
def test_growing_is_deterministic_and_loads_as_a_plain_model(leak, tmp_path):
    organism = load_organism(FILE)
    training = organism.training.model_copy(update={"steps": 3, "documents": 8})
    organism = organism.model_copy(update={"training": training, "leak": leak})
    one, two = grow(organism), grow(organism)
    assert one.losses == two.losses and one.losses[-1] < one.losses[0]
    one.model.save_pretrained(tmp_path)
    make_tokenizer(256).save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert all((a == b).all() for a, b in zip(loaded.parameters(), two.model.parameters(), strict=True))
    assert AutoTokenizer.from_pretrained(tmp_path).eos_token == "<eos>"


@pytest.mark.parametrize("name", shipped_organisms())
def test_shipped_organisms_state_the_corpus_they_were_grown_from(name):
    shipped = FOLDER / "shipped" / name
    assert (shipped / "organism.toml").read_bytes() == (FOLDER / f"{name}.toml").read_bytes()
    assert AutoTokenizer.from_pretrained(shipped).get_vocab() == make_tokenizer(256).get_vocab()


def test_bad_files_get_a_sentence(tmp_path):
    (tmp_path / "x.toml").write_text(FILE.read_text().replace("hidden = 96", "hiden = 96"))
    with pytest.raises(RecipeError, match=r"unknown key 'model.hiden', did you mean 'hidden'"):
        load_organism(tmp_path / "x.toml")
    for sizes in ("{ two = 1 }", "{ 2 = -1 }", "{ }"):
        text = FILE.read_text().replace("sizes = { 1 = 0.2, 2 = 0.4, 3 = 0.4, 4 = 0.0004 }", f"sizes = {sizes}")
        (tmp_path / "x.toml").write_text(text)
        with pytest.raises(RecipeError, match="sizes"):
            load_organism(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text(FILE.read_text().replace('task = "compose:hard"', 'task = "compse:hard"'))
    with pytest.raises(RecipeError, match="did you mean 'compose'"):
        load_organism(tmp_path / "x.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_organism(tmp_path / "y.toml")
