"""When a response ends: at an end-of-sequence token, at a stop string, or at its length limit.

Legend: A samples that are decoded together, V vocabulary.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assay.policies.load import Policy
from assay.types import Stop

TOKENS_BEFORE = 16
"""Tokens decoded beyond the length of the longest stop string, which may straddle several."""


class Endings:
    """Ends responses of one policy. Only tokens that may complete a stop string make us look for one.

    The text of a response ends before the first stop string; its token ids keep what was sampled and may run past it.
    """

    def __init__(self, policy: Policy, strings: tuple[str, ...]) -> None:
        self.tokenizer, self.strings = policy.tokenizer, strings
        vocabulary = range(policy.vocabulary_size)
        self.is_eos_V = np.isin(vocabulary, list(policy.stop_ids))
        self.may_complete_V = np.zeros(len(vocabulary), dtype=bool)
        self.tail = max(map(len, strings), default=0) + TOKENS_BEFORE
        if strings:
            last = {string[-1] for string in strings} | {"\ufffd"}  # which stands for a part of a character
            texts = self.tokenizer.batch_decode([[token] for token in vocabulary])
            self.may_complete_V[:] = [not last.isdisjoint(text) for text in texts]

    def find(
        self,
        tokens_A: NDArray[np.int64],
        at_limit_A: NDArray[np.bool_],
        response: Callable[[int], NDArray[np.int32]],
    ) -> dict[int, Stop]:
        """Row -> reason, for the samples that end with their newest token; `response(row)` are a row's ids so far.

        An end-of-sequence token counts before a stop string, and both before the limit.
        """
        by_eos_A = self.is_eos_V[tokens_A]
        found = {int(row): Stop.LENGTH for row in np.flatnonzero(at_limit_A)}
        for row in np.flatnonzero(self.may_complete_V[tokens_A] & ~by_eos_A):
            if self._holds_string(response(int(row))):
                found[int(row)] = Stop.STRING
        return found | {int(row): Stop.EOS for row in np.flatnonzero(by_eos_A)}

    def texts(self, responses: list[tuple[NDArray[np.int32], Stop]]) -> list[str]:
        """The text of each response: no special tokens, no end of sequence, nothing from a stop string on."""
        ids = [token_ids[:-1] if stop is Stop.EOS else token_ids for token_ids, stop in responses]
        texts = self.tokenizer.batch_decode([each.tolist() for each in ids], skip_special_tokens=True)
        pairs = zip(texts, responses, strict=True)
        return [self._cut(text) if stop is Stop.STRING else text for text, (_, stop) in pairs]

    def _holds_string(self, token_ids: NDArray[np.int32]) -> bool:
        text = self.tokenizer.decode(token_ids[-self.tail :].tolist(), skip_special_tokens=True)
        return any(string in text for string in self.strings)

    def _cut(self, text: str) -> str:
        places = [place for string in self.strings if (place := text.find(string)) >= 0]
        return text[: min(places)] if places else text
