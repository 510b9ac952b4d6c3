"""The strict, frozen base of every configuration model. It does not know where values come from (`parse.py`)."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """Decode collections that arrive as text, and fill what a nested section leaves out from its default here."""
        if not isinstance(values, dict):
            return values
        return {name: _completed(value, cls.model_fields.get(name)) for name, value in values.items()}


def member_types(annotation: Any) -> list[Any]:
    """The types that a field's annotation allows, with unions and `Annotated` taken apart."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return [kind for argument in get_args(annotation) for kind in member_types(argument)]
    return [annotation]


def _completed(value: Any, field: Any) -> Any:
    if field is None:
        return value
    if isinstance(value, dict) and isinstance(field.default, Config):
        return {**dict(field.default), **value}
    return _decoded(value, field)


def _decoded(value: Any, field: Any) -> Any:
    """Read `[a, b]` and `{a: b}`, as they come from the environment, where no text is meant."""
    if not isinstance(value, str) or value[:1] + value[-1:] not in ("[]", "{}"):
        return value
    kinds = member_types(field.annotation)
    is_collection = any(get_origin(kind) in (tuple, list, dict) for kind in kinds)
    return yaml.safe_load(value) if is_collection and str not in kinds else value
