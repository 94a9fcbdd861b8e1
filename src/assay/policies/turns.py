"""From a demonstration to token ids: those that a policy would have seen, and those that it would have chosen.

A response is cut into tokens apart from what stands before it, as a policy that samples it does, and ends with one
end-of-sequence token. Renderings are cut where one turn of a conversation ends, so that every turn of the assistant is
learned after exactly the tokens that the policy would see there.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from assay.demonstrations import Demonstration, Messages
from assay.errors import DataError, ModelError
from assay.policies.load import Policy
from assay.policies.templates import apply_template, messages_of, mode_of, render

GENERATION_TAG = re.compile(r"\{%-?\s*generation\s*-?%\}")
Tokens = tuple[list[int], list[bool]]
"""Token ids, and which of them the policy chose."""


def demonstration_tokens(each: Demonstration, policy: Policy, template: str) -> Tokens:
    """Token ids of a demonstration and which of them are learned; the last one is.

    A response ends with the end-of-sequence token that the chat template closes a turn with, or else the tokenizer's.
    Raises DataError where nothing would be learned, ModelError where a conversation cannot be rendered turn by turn.
    """
    mode = mode_of(each.prompt, policy.tokenizer, template)
    if isinstance(each.completion, str):
        ids, mask = _answered(each, each.completion, policy, template, mode == "chat")
    elif mode == "chat":
        is_answered = any(message["role"] == "assistant" for message in messages_of(each.prompt))
        if GENERATION_TAG.search(_template_text(policy)) and not is_answered:
            ids, mask = _by_tags(each, policy)
        else:
            ids, mask = _by_prefixes(each, policy)
    elif len(each.completion) == 1:
        ids, mask = _answered(each, each.completion[0]["content"], policy, template, in_chat=False)
    else:
        raise ModelError(
            f"{each.where}: is a conversation of several turns, and without a chat template nothing tells them apart; "
            "take a model with a chat template (model.template = 'chat'), or give rows of prompt and completion"
        )
    if not any(mask):
        raise DataError(f"{each.where}: the response has no tokens, so there is nothing to learn; remove this row")
    return ids, mask


def _answered(each: Demonstration, response: str, policy: Policy, template: str, in_chat: bool) -> Tokens:
    """The prompt as the engine renders it, the response as it stands, one end of sequence."""
    before = render(each.prompt, policy.tokenizer, template)[1]
    chosen = _ids(policy, response)
    end = _end_of_turn(each, response, policy) if in_chat else policy.tokenizer.eos_token_id
    if any(token in policy.stop_ids for token in chosen):
        chosen = chosen[: sum(_closed(chosen, policy))]
    elif chosen and end is not None:
        chosen.append(int(end))
    return before + chosen, [False] * len(before) + [True] * len(chosen)


def _end_of_turn(each: Demonstration, response: str, policy: Policy) -> int | None:
    """The end of sequence that the template puts behind a response; the tokenizer's where it puts none."""
    turn = {"role": "assistant", "content": response}
    text = _rendered([*messages_of(each.prompt), turn], policy, each.where, opens=False)
    _, _, tail = text.rpartition(response.strip())
    ends = [token for token in _ids(policy, tail) if token in policy.stop_ids]
    return ends[0] if ends else policy.tokenizer.eos_token_id


def _turns(each: Demonstration) -> Messages:
    assert not isinstance(each.completion, str)
    return each.completion


def _by_prefixes(each: Demonstration, policy: Policy) -> Tokens:
    """Turn by turn: what the template writes before a turn of the assistant, then the turn."""
    turns = _turns(each)
    messages = [*messages_of(each.prompt), *turns]
    ids: list[int] = []
    mask: list[bool] = []
    done = ""
    for place in range(len(messages) - len(turns), len(messages)):
        if messages[place]["role"] == "assistant":
            before = _rendered(messages[:place], policy, each.where, opens=True)
            after = _rendered(messages[: place + 1], policy, each.where, opens=False)
            if not (before.startswith(done) and after.startswith(before)):
                raise ModelError(
                    f"{each.where}: the chat template writes earlier turns anew when message {place + 1} is added, so "
                    "what the policy saw before it is not known; give one row a turn, as prompt and completion, or a "
                    "template with generation tags"
                )
            seen, chosen = _ids(policy, before[len(done) :]), _ids(policy, after[len(before) :])
            ids += seen + chosen
            mask += [False] * len(seen) + _closed(chosen, policy)
            done = after
    return _ended(ids, mask, policy)


def _by_tags(each: Demonstration, policy: Policy) -> Tokens:
    """By the template's own generation tags; a turn's end of sequence is learned also where the tags leave it out."""
    options = {"tokenize": True, "return_dict": True, "return_assistant_tokens_mask": True}
    messages = [*messages_of(each.prompt), *_turns(each)]
    found = apply_template(messages, policy.tokenizer, each.where, **options)
    ids, tagged = list(found["input_ids"]), list(found["assistant_masks"])
    mask = [False] * len(ids)
    for is_chosen, group in groupby(range(len(ids)), key=tagged.__getitem__):
        places = list(group)
        after = places[-1] + 1
        if after < len(ids) and ids[after] in policy.stop_ids:
            places.append(after)
        if is_chosen:
            for place, chosen in zip(places, _closed([ids[place] for place in places], policy), strict=True):
                mask[place] = chosen
    return _ended(ids, mask, policy)


def _closed(chosen: Sequence[int], policy: Policy) -> list[bool]:
    """What of a turn the policy chooses: all up to its first end of sequence."""
    ends = [place for place, token in enumerate(chosen) if token in policy.stop_ids]
    last = ends[0] if ends else len(chosen) - 1
    return [place <= last for place in range(len(chosen))]


def _ended(ids: list[int], mask: list[bool], policy: Policy) -> Tokens:
    """Without what follows the last chosen token, which is an end of sequence."""
    length = max((place + 1 for place, chosen in enumerate(mask) if chosen), default=0)
    ids, mask = ids[:length], mask[:length]
    end = policy.tokenizer.eos_token_id
    if ids and end is not None and ids[-1] not in policy.stop_ids:
        ids.append(int(end))
        mask.append(True)
    return ids, mask


def _rendered(messages: Sequence[Mapping[str, str]], policy: Policy, where: str, opens: bool) -> str:
    options = {"tokenize": False, "add_generation_prompt": opens}
    return str(apply_template(messages, policy.tokenizer, where, **options))


def _template_text(policy: Policy) -> str:
    template: Any = policy.tokenizer.chat_template
    return str(template.get("default", "")) if isinstance(template, dict) else str(template)


def _ids(policy: Policy, text: str) -> list[int]:
    return list(policy.tokenizer(text, add_special_tokens=False)["input_ids"])
