"""From a prompt to the text and the token ids that a model sees (docs/decisions/0003-templates.md).

"plain"  the prompt's text as it is; messages are joined by blank lines, without their roles; the tokenizer adds what it
         puts in front of any text
"chat"   the tokenizer's chat template, with the opening of the assistant's turn; text is one user message
"auto"   "chat" for messages where the tokenizer has a chat template, else "plain"
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from transformers import PreTrainedTokenizerBase

from assay.errors import ModelError, RecipeError
from assay.types import Prompt

TEMPLATES = ("auto", "chat", "plain")
Mode = Literal["chat", "plain"]
DIGITS = 12


def render(prompt: Prompt, tokenizer: PreTrainedTokenizerBase, template: str = "auto") -> tuple[str, list[int]]:
    """Text and token ids of a prompt. Raises RecipeError for an unknown template, ModelError for an unusable one."""
    mode = mode_of(prompt, tokenizer, template)
    text = _chat(prompt, tokenizer) if mode == "chat" else plain_text(prompt)
    ids = rendered_ids(text, tokenizer, mode)
    if not ids:
        raise ModelError(f"problem {prompt.problem!r} has no tokens; a model needs at least one to start from")
    return text, ids


def rendered_ids(text: str, tokenizer: PreTrainedTokenizerBase, mode: Mode) -> list[int]:
    """Token ids of a rendered prompt: a chat template writes its special tokens itself."""
    return _ids(tokenizer, text, special=False) if mode == "chat" else _plain_ids(tokenizer, text)


def mode_of(prompt: Prompt, tokenizer: PreTrainedTokenizerBase, template: str) -> Mode:
    """What `template` comes to for this prompt."""
    if template not in TEMPLATES:
        raise RecipeError(f"there is no template {template!r}; give one of {', '.join(TEMPLATES)}")
    if template == "chat" and tokenizer.chat_template is None:
        raise ModelError(
            "template 'chat': this tokenizer has no chat template; choose the template plain "
            "(--template plain; for assay train --set model.template=plain)"
        )
    if template == "auto":
        return "chat" if prompt.messages is not None and tokenizer.chat_template is not None else "plain"
    return "chat" if template == "chat" else "plain"


def template_hash(tokenizer: PreTrainedTokenizerBase, mode: Mode) -> str:
    """Twelve hex digits that say whether two models saw their prompts in the same form."""
    form = f"chat\n{json.dumps(tokenizer.chat_template, sort_keys=True)}" if mode == "chat" else "plain"
    return hashlib.sha256(form.encode()).hexdigest()[:DIGITS]


def plain_text(prompt: Prompt) -> str:
    """The prompt without any template."""
    if prompt.text is not None:
        return prompt.text
    assert prompt.messages is not None
    return "\n\n".join(message["content"] for message in prompt.messages)


def messages_of(prompt: Prompt) -> tuple[Mapping[str, str], ...]:
    """The prompt's messages; a text is one message of the user."""
    return prompt.messages or ({"role": "user", "content": prompt.text or ""},)


def apply_template(
    messages: Sequence[Mapping[str, str]], tokenizer: PreTrainedTokenizerBase, where: str, **options: Any
) -> Any:
    """What the chat template makes of messages; `where` names them in the ModelError for what it refuses."""
    try:
        return tokenizer.apply_chat_template([dict(message) for message in messages], **options)
    except Exception as error:  # a template is a program of its own; jinja2 raises what it likes
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{where}: the chat template cannot be applied: {why}") from error


def _chat(prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> str:
    options = {"tokenize": False, "add_generation_prompt": True}
    return str(apply_template(messages_of(prompt), tokenizer, f"problem {prompt.problem!r}", **options))


def _plain_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """With the tokenizer's own prefix (bos), but without an end of sequence that it would add."""
    ids = _ids(tokenizer, text, special=True)
    bare = _ids(tokenizer, text, special=False)
    added = len(ids) - len(bare)
    if added and ids[-1] == tokenizer.eos_token_id and ids[-1 - len(bare) : -1] == bare:
        return ids[:-1]
    return ids


def _ids(tokenizer: PreTrainedTokenizerBase, text: str, special: bool) -> list[int]:
    return list(tokenizer(text, add_special_tokens=special)["input_ids"])
