"""The kinds of arguments that instructions take, as annotations: pydantic reads them."""

from typing import Annotated, Literal

from pydantic import Field

Count = Annotated[int, Field(ge=0)]
Position = Annotated[int, Field(ge=1)]
Letter = Annotated[str, Field(pattern=r"^\S$")]
Text = Annotated[str, Field(pattern=r"\S")]
Texts = Annotated[list[Text], Field(min_length=1)]
Relation = Literal["less than", "at least"]


def holds(number: int, relation: Relation, threshold: int) -> bool:
    """Whether a number is less than, or at least, the threshold."""
    return number < threshold if relation == "less than" else number >= threshold
