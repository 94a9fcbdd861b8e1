"""Instructions that ask for a language: told by the package py3langid (extra `ifeval`), which knows 97.

The reference asks langdetect, which knows 55, takes much that is in capitals for German, and differs from run to run.
"""

from assay.errors import DataError
from assay.tasks.instructions.arguments import Text


def response_language(response: str, language: Text) -> bool:
    """The response is in the language with this ISO 639-1 code; without a letter it is in none."""
    return language_of(response) == language.strip().lower()


def english_capital(response: str) -> bool:
    """No letter is small, and the language is English."""
    return response.isupper() and language_of(response) == "en"


def english_lowercase(response: str) -> bool:
    """No letter is a capital, and the language is English."""
    return response.islower() and language_of(response) == "en"


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the language of a text, or None where it has no letter.

    Raises DataError where the package that tells languages is not installed.
    """
    if not any(character.isalpha() for character in text):
        return None
    try:
        import py3langid
    except ImportError:
        raise DataError(
            "the language of a response is told by the package py3langid, which is not installed; "
            "pip install py3langid, or install Assay with its extra 'ifeval'"
        ) from None
    code, _ = py3langid.classify(text)
    return str(code)
