"""Instructions about the parts of a response: paragraphs, sections, its beginning and its end."""

import re

from assay.tasks.instructions.arguments import Count, Position, Text

_AFTER_WORD = r"(?=[\s.,;:?!'\"’”*]|$)"


def number_paragraphs(response: str, num_paragraphs: Count) -> bool:
    """Exactly so many paragraphs, divided by `***`; an empty one is allowed at the ends only."""
    paragraphs = response.split("***")
    filled = [bool(paragraph.strip()) for paragraph in paragraphs]
    return all(filled[1:-1]) and sum(filled) == num_paragraphs


def nth_paragraph_first_word(response: str, num_paragraphs: Count, nth_paragraph: Position, first_word: Text) -> bool:
    """Exactly so many paragraphs, divided by blank lines, of which the n-th begins with this word in any case."""
    paragraphs = [paragraph.strip() for paragraph in response.split("\n\n") if paragraph.strip()]
    if len(paragraphs) != num_paragraphs or nth_paragraph > num_paragraphs:
        return False
    wanted = re.escape(first_word.strip()) + _AFTER_WORD
    return re.match(wanted, paragraphs[nth_paragraph - 1].lstrip("\"'“‘"), re.IGNORECASE) is not None


def multiple_sections(response: str, section_spliter: Text, num_sections: Count) -> bool:
    """At least so many marks of a section, as `Section 1`; the case of the mark counts."""
    return len(re.findall(re.escape(section_spliter.strip()) + r"\s?\d+", response)) >= num_sections


def two_responses(response: str) -> bool:
    """Two different texts, divided by `******`."""
    texts = [text.strip() for text in response.split("******")]
    given = [text for text in texts if text]
    return all(texts[1:-1]) and len(given) == 2 and given[0] != given[1]


def repeat_prompt(response: str, prompt_to_repeat: Text) -> bool:
    """Begins with the request, word for word, in any case."""
    return response.strip().lower().startswith(prompt_to_repeat.strip().lower())


def end_checker(response: str, end_phrase: Text) -> bool:
    """Ends with the phrase, in any case; double quotes around either do not count."""
    wanted = end_phrase.strip().strip('"').strip().lower()
    return bool(wanted) and response.strip().strip('"').strip().lower().endswith(wanted)
