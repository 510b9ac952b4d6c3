"""The strict, frozen base of every configuration model. It does not know where values come from (`parse.py`)."""

from __future__ import annotations

from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    """Unknown keys are refused, values cannot change, and every field is documented by the string below it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _decode_collections(cls, value: Any) -> Any:
        """Read `[a, b]` and `{a: b}` that arrive as text, as they do from the environment."""
        if isinstance(value, str) and value[:1] + value[-1:] in ("[]", "{}"):
            return yaml.safe_load(value)
        return value
