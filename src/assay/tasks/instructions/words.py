"""Instructions about words and letters: which there are, and how many."""

import re

from assay.tasks.instructions.arguments import Count, Letter, Relation, Text, Texts, holds
from assay.tasks.instructions.sentences import split_sentences

_WORD = re.compile(r"[^\W_]+(?:[-.&'’][^\W_]+)*")
_CONTRACTED = re.compile(r"['’](?:s|m|re|ve|ll|d|t)$", re.IGNORECASE)


def existence(response: str, keywords: Texts) -> bool:
    """Every keyword occurs, in any case, also within a longer word."""
    folded = response.lower()
    return all(keyword.lower() in folded for keyword in keywords)


def frequency(response: str, keyword: Text, frequency: Count, relation: Relation) -> bool:
    """A keyword occurs less than, or at least, so many times, in any case, also within longer words."""
    return holds(response.lower().count(keyword.strip().lower()), relation, frequency)


def forbidden_words(response: str, forbidden_words: Texts) -> bool:
    """None of the words occurs, in any case, as a word of its own."""
    words = "|".join(re.escape(word.strip()) for word in forbidden_words)
    return re.search(rf"(?<!\w)(?:{words})(?!\w)", response, re.IGNORECASE) is None


def letter_frequency(response: str, letter: Letter, let_frequency: Count, let_relation: Relation) -> bool:
    """A character, of either case, occurs less than, or at least, so many times."""
    return holds(response.lower().count(letter.lower()), let_relation, let_frequency)


def number_words(response: str, num_words: Count, relation: Relation) -> bool:
    r"""Less than, or at least, so many words: runs of letters, digits and `_` (`don't` is two)."""
    return holds(len(re.findall(r"\w+", response)), relation, num_words)


def number_sentences(response: str, num_sentences: Count, relation: Relation) -> bool:
    """Less than, or at least, so many sentences (`sentences.split_sentences`)."""
    return holds(len(split_sentences(response)), relation, num_sentences)


def capital_word_frequency(response: str, capital_frequency: Count, capital_relation: Relation) -> bool:
    """Less than, or at least, so many words all in capitals: `NATO`, `A`, `WELL-KNOWN`, `IT'S` and the I of `I'm`."""
    words = (_CONTRACTED.sub("", word) for word in _WORD.findall(response))
    return holds(sum(word.isupper() for word in words), capital_relation, capital_frequency)
