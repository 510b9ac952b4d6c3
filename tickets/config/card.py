"""Settings of the model card: how closely a release is looked at. It does not know how anything is measured."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tickets.config.base import Config, Count, PositiveInt, Probability

Bar = Annotated[float, Field(ge=0.0, le=1.0)]


class BehaviourBars(Config):
    """Share of labels that each change of a text may change at most.

    What says nothing about a ticket (case, blanks, a greeting) has a low bar; what takes words away has a higher one.
    """

    typos: Bar = 0.1
    """One letter is dropped, doubled or swapped in one of ten words, at least in one."""
    lower_case: Bar = 0.05
    """Everything in lower case."""
    upper_case: Bar = 0.05
    """Everything in upper case."""
    white_space: Bar = 0.02
    """Blanks doubled, an empty line in front and behind."""
    greeting: Bar = 0.05
    """Another greeting, or one where there was none."""
    signature: Bar = 0.1
    """A signature of four lines below the text."""
    truncated: Bar = 0.25
    """The second half of the words is missing."""


class CardConfig(Config):
    """What a model card looks at, and on how many tickets."""

    slices: tuple[str, ...] = ("language", "product", "customer_tier")
    """Fields by whose values errors are broken down, beside length of text, month and the inputs that are present."""
    slice_rows: PositiveInt = 20
    """Test rows of a value below which it is left out."""
    significance: Probability = 0.05
    """Chance that any slice of a target is called worse than the rest though none is."""
    behaviour_rows: Count = 60
    """Test rows on which each behavioural test runs; 0: none runs. Each costs a call of the encoder per test."""
    behaviour: BehaviourBars = BehaviourBars()
    """The bar of each behavioural test."""
    automated_bar: Bar = 0.02
    """Share of automated answers that may turn into another automated label, in every behavioural test."""
    importance_rows: Count = 300
    """Test rows on which fields are shuffled to see what they tell; 0: none are."""
    cost_tickets: PositiveInt = 30
    """Test tickets that are answered one by one to measure the cost of a prediction."""
    num_terms: Count = 8
    """Strongest terms and values of fields to show per label of a linear model."""
    term_rows: PositiveInt = 5
    """Test tickets that must hold a term before it is shown: a rare one could be somebody's name."""
    seed: int = 0
    """Seed of samples, shuffles and typos."""
