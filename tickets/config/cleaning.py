"""Settings of the cleaning of text: which fields, which steps. It does not know how a step works."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator

from tickets.config.base import Config

STEP_KINDS: Final = ("html", "encoding", "quotes", "automatic", "disclaimer", "signature")
"""The built-in steps, in the order in which they run."""

PLUGIN_NAME: Final = r"^[a-z][a-z0-9_]*$"
"""What a plug-in may be called."""


def _re2(pattern: str) -> str:
    try:
        pc.match_substring_regex(pa.array([""]), pattern)  # an empty array would not be looked at
    except pa.ArrowInvalid as error:
        raise ValueError(f"no pattern ({error}); allowed: RE2 syntax") from None
    return pattern


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_re2)]
"""A regular expression in RE2 syntax, which takes linear time whatever it is; `(?i)` in front ignores case."""


class EncodingStep(Config):
    """Text that was decoded with the wrong encoding (`grÃ¼n`), control characters and terminal colours."""

    kind: Literal["encoding"] = "encoding"
    """Chooses this step."""


class HtmlStep(Config):
    """HTML to text; plain text stays, whatever `<` it holds."""

    kind: Literal["html"] = "html"
    """Chooses this step."""


class QuotesStep(Config):
    """The earlier mails below or between what the sender wrote."""

    kind: Literal["quotes"] = "quotes"
    """Chooses this step."""
    separators: tuple[Pattern, ...] = ()
    """A line in which one of these is found starts what is quoted, beside the built-in ones."""


class AutomaticStep(Config):
    """Marks automatic replies (`auto-reply`) and delivery failures (`bounce`); the text stays."""

    kind: Literal["automatic"] = "automatic"
    """Chooses this step."""
    auto_reply: tuple[Pattern, ...] = ()
    """A text in which one of these is found is an automatic reply, beside the built-in ones."""
    bounce: tuple[Pattern, ...] = ()
    """A text in which one of these is found is a delivery failure, beside the built-in ones."""


class DisclaimerStep(Config):
    """Confidentiality notices, and the banners that mail gateways put on top."""

    kind: Literal["disclaimer"] = "disclaimer"
    """Chooses this step."""
    patterns: tuple[Pattern, ...] = ()
    """A paragraph in which one of these is found is a disclaimer, wherever it stands, beside the built-in ones."""


class SignatureStep(Config):
    """Signatures: below `-- `, below closing words such as `Best regards`, and those that a phone adds."""

    kind: Literal["signature"] = "signature"
    """Chooses this step."""
    starts: tuple[Pattern, ...] = ()
    """A line in which one of these is found starts a signature that reaches the end of the text, beside the
    built-in ones."""


class PluginStep(Config):
    """A step that an installed package brings (entry-point group `tickets.plugins`)."""

    kind: Annotated[str, Field(pattern=PLUGIN_NAME)]
    """Name of the entry point."""
    options: dict[str, Any] = Field(default_factory=dict)
    """What the step is called with, beside the text."""


def _kind(step: Any) -> str:
    kind = step.get("kind") if isinstance(step, dict) else getattr(step, "kind", None)
    return str(kind) if kind in STEP_KINDS else "plugin"


StepConfig = Annotated[
    Annotated[EncodingStep, Tag("encoding")]
    | Annotated[HtmlStep, Tag("html")]
    | Annotated[QuotesStep, Tag("quotes")]
    | Annotated[AutomaticStep, Tag("automatic")]
    | Annotated[DisclaimerStep, Tag("disclaimer")]
    | Annotated[SignatureStep, Tag("signature")]
    | Annotated[PluginStep, Tag("plugin")],
    Discriminator(_kind),
]


class CleaningConfig(Config):
    """What is taken out of texts before anything else sees them; the original of a changed text is kept."""

    steps: tuple[StepConfig, ...] = ()
    """Steps, each by its `kind` or as that name alone: `[html, quotes, {kind: signature, starts: ["^ACME"]}]`. They
    run in the order of their meaning, whatever their order here: html, encoding, those of plug-ins as they are
    listed, quotes, automatic, disclaimer, signature."""
    fields: tuple[str, ...] = ("subject", "description", "resolution", "feedback_text")
    """Text fields that are cleaned. Logs and stack traces are left out, because there every character counts."""

    @field_validator("steps", mode="before")
    @classmethod
    def _named(cls, steps: Any) -> Any:
        """A step without settings may be its name alone."""
        return [{"kind": step} if isinstance(step, str) else step for step in steps] if _is_list(steps) else steps

    @field_validator("steps")
    @classmethod
    def _once_each(cls, steps: tuple[StepConfig, ...]) -> tuple[StepConfig, ...]:
        kinds = [step.kind for step in steps]
        if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
            raise ValueError(f"{twice!r} is listed twice; allowed: each kind once")
        return steps


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
