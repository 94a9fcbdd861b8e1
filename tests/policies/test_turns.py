"""Which tokens of a demonstration are learned. Legend of ids: 1 <bos>, 2 <eos>, 3 <user>, 4 <assistant>, 5 w5, ..."""

import pytest

from assay.demonstrations import demonstration
from assay.errors import DataError, ModelError
from assay.policies.load import make_policy
from assay.policies.turns import demonstration_tokens
from assay.rollout.engine import Engine
from assay.tasks.rows import Row
from assay.types import Sampling
from tiny_models import CHAT, make_model, make_tokenizer, tiny_policy, tiny_prompt

END = "{% if m['role'] == 'assistant' %}<eos> {% endif %}"
ENDING = CHAT.replace("{% endfor %}", END + "{% endfor %}")
TAGGED = (
    "{% for m in messages %}<{{ m['role'] }}> {% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] }}{% endgeneration %} <eos> {% else %}{{ m['content'] }} {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
REWRITING = CHAT.replace("{% for", "w{{ 9 + messages | length }} {% for")
USER = {"role": "user", "content": "w5 w6"}


def policy_with(chat=None):
    return make_policy(make_model(), make_tokenizer(chat=chat), "tiny", "v0")


def assistant(content):
    return {"role": "assistant", "content": content}


def tokens(row, chat=None, template="auto"):
    """The ids, and those of them that are learned."""
    ids, mask = demonstration_tokens(demonstration(Row("line 1", row)), policy_with(chat), template)
    assert len(ids) == len(mask) and mask[-1] and not mask[0]
    return ids, [token for token, chosen in zip(ids, mask, strict=True) if chosen]


CONVERSATION = [USER, assistant("w7"), {"role": "user", "content": "w8"}, assistant("w9 w10")]


@pytest.mark.parametrize(
    ("row", "chat", "ids", "learned"),
    [
        ({"prompt": "w5 w6", "completion": "w7"}, None, [1, 5, 6, 7, 2], [7, 2]),
        ({"prompt": "w5 w6", "completion": "w7"}, ENDING, [1, 5, 6, 7, 2], [7, 2]),
        ({"prompt": [USER], "completion": "w7"}, ENDING, [3, 5, 6, 4, 7, 2], [7, 2]),
        ({"prompt": [USER], "completion": [assistant("w7")]}, ENDING, [3, 5, 6, 4, 7, 2], [7, 2]),
        ({"prompt": [USER], "completion": [assistant("w7")]}, TAGGED, [3, 5, 6, 4, 7, 2], [7, 2]),
        ({"prompt": [USER], "completion": [assistant("w7")]}, None, [1, 5, 6, 7, 2], [7, 2]),
        ({"prompt": [USER], "completion": "w7"}, CHAT, [3, 5, 6, 4, 7, 2], [7, 2]),
        ({"messages": CONVERSATION}, ENDING, [3, 5, 6, 4, 7, 2, 3, 8, 4, 9, 10, 2], [7, 2, 9, 10, 2]),
        ({"messages": CONVERSATION}, TAGGED, [3, 5, 6, 4, 7, 2, 3, 8, 4, 9, 10, 2], [7, 2, 9, 10, 2]),
        ({"messages": CONVERSATION}, CHAT, [3, 5, 6, 4, 7, 3, 8, 4, 9, 10, 2], [7, 9, 10, 2]),
        ({"prompt": CONVERSATION[:3], "completion": CONVERSATION[3:]}, TAGGED,
         [3, 5, 6, 4, 7, 2, 3, 8, 4, 9, 10, 2], [9, 10, 2]),
        ({"messages": [*CONVERSATION[:2], CONVERSATION[2]]}, ENDING, [3, 5, 6, 4, 7, 2], [7, 2]),
    ],
)  # fmt: skip
def test_the_assistants_tokens_and_one_end_are_learned(row, chat, ids, learned):
    """With tags, with an end in the template, with neither: every turn of the completion, nothing of the prompt."""
    assert tokens(row, chat) == (ids, learned)


def test_a_response_that_ends_by_itself_has_one_end():
    """A text that spells the end of sequence is cut where a policy would have stopped, in a template with turns."""
    expected = ([3, 5, 6, 4, 7, 2], [7, 2])
    assert tokens({"messages": [USER, assistant("w7 <eos>")]}, ENDING) == expected
    assert tokens({"prompt": [USER], "completion": "w7 <eos> w8"}, ENDING) == expected


def test_tokens_are_those_that_the_engine_samples():
    """Prompt and text of a response that ended, tokenised, are the sample's ids and mask, bit for bit."""
    policy = tiny_policy(seed=3, stop_ids={2})
    prompts = [tiny_prompt(index, 3 + index) for index in range(6)]
    groups = Engine(policy).generate(prompts, 24, Sampling(max_new_tokens=40, seed=5))
    ended = [(group.prompt, sample) for group in groups for sample in group.samples if sample.stop == "eos"]
    # a random model also samples <pad> and the like, which a text does not hold
    ended = [(prompt, each) for prompt, each in ended if min(each.token_ids[each.mask][:-1], default=0) > 4]
    assert len(ended) >= 5
    for prompt, sample in ended:
        row = Row("line 1", {"prompt": prompt.text, "completion": sample.text})
        ids, mask = demonstration_tokens(demonstration(row), policy, "auto")
        assert ids == sample.token_ids.tolist() and mask == sample.mask.tolist()


def test_what_cannot_be_learned_is_said():
    with pytest.raises(ModelError, match="line 1: is a conversation of several turns, and without a chat template"):
        tokens({"messages": CONVERSATION})
    with pytest.raises(ModelError, match="template writes earlier turns anew when message 2 is added"):
        tokens({"messages": CONVERSATION}, REWRITING)
    with pytest.raises(ModelError, match="this tokenizer has no chat template"):
        tokens({"prompt": "w5", "completion": "w6"}, None, "chat")
    with pytest.raises(DataError, match="line 1: the response has no tokens"):
        tokens({"messages": [USER, assistant("")]}, CHAT)
