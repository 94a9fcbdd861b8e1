import pytest

from assay.errors import ModelError, RecipeError
from assay.policies.templates import mode_of, render, template_hash
from assay.types import Prompt
from tiny_models import BOS, CHAT, make_tokenizer

TEXT = Prompt(task="t", problem="p", gold=None, split="test", text="w5 w6")
MESSAGES = Prompt(
    task="t", problem="p", gold=None, split="test",
    messages=(
        {"role": "user", "content": "w5"}, {"role": "assistant", "content": "w6"}, {"role": "user", "content": "w7"},
    ),
)  # fmt: skip
PLAIN, CHATTY = make_tokenizer(), make_tokenizer(chat=CHAT)


@pytest.mark.parametrize(
    ("prompt", "tokenizer", "template", "text", "ids"),
    [
        (TEXT, PLAIN, "auto", "w5 w6", [BOS, 5, 6]),
        (TEXT, CHATTY, "auto", "w5 w6", [BOS, 5, 6]),
        (TEXT, CHATTY, "chat", "<user> w5 w6 <assistant>", [3, 5, 6, 4]),
        (MESSAGES, CHATTY, "auto", "<user> w5 <assistant> w6 <user> w7 <assistant>", [3, 5, 4, 6, 3, 7, 4]),
        (MESSAGES, PLAIN, "auto", "w5\n\nw6\n\nw7", [BOS, 5, 6, 7]),
        (MESSAGES, CHATTY, "plain", "w5\n\nw6\n\nw7", [BOS, 5, 6, 7]),
    ],
)
def test_what_a_model_sees(prompt, tokenizer, template, text, ids):
    """auto follows the prompt: text stays text, messages take the chat template where there is one."""
    assert render(prompt, tokenizer, template) == (text, ids)


def test_an_end_that_the_tokenizer_adds_is_left_out():
    """A response must not start after an end of sequence; one that the prompt itself ends with stays."""
    tokenizer = make_tokenizer(adds_eos=True)
    assert tokenizer("w5")["input_ids"] == [BOS, 5, 2]
    assert render(TEXT, tokenizer)[1] == [BOS, 5, 6]
    own = Prompt(task="t", problem="p", gold=None, split="test", text="w5 <eos>")
    assert render(own, tokenizer)[1] == [BOS, 5, 2]
    assert render(own, PLAIN)[1] == [BOS, 5, 2]


def test_the_hash_tells_templates_apart():
    """Plain is plain for every tokenizer; a chat template is its text."""
    other = make_tokenizer(chat=CHAT.replace("<user>", "<User>").replace("m['role']", "m['role'] + '!'"))
    assert template_hash(PLAIN, "plain") == template_hash(CHATTY, "plain")
    hashes = {template_hash(PLAIN, "plain"), template_hash(CHATTY, "chat"), template_hash(other, "chat")}
    assert len(hashes) == 3 and all(len(each) == 12 for each in hashes)
    assert [mode_of(MESSAGES, each, "auto") for each in (PLAIN, CHATTY)] == ["plain", "chat"]


def test_templates_that_cannot_be_used():
    with pytest.raises(RecipeError, match="no template 'fancy'; give one of auto, chat, plain"):
        render(TEXT, PLAIN, "fancy")
    with pytest.raises(ModelError, match=r"no chat template; choose the template plain .* --set model.template=plain"):
        render(TEXT, PLAIN, "chat")
    broken = make_tokenizer(chat="{{ raise_exception('users only') }}")
    with pytest.raises(ModelError, match="problem 'p': the chat template cannot be applied: users only"):
        render(MESSAGES, broken)
    empty = make_tokenizer(chat="{{ '' }}")
    with pytest.raises(ModelError, match="problem 'p' has no tokens"):
        render(MESSAGES, empty)
