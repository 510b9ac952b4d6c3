"""Settings of the Serve graph and of what it may do with an answer. It does not know Ray, HTTP or releases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tickets.config.base import Config, Count, PositiveInt, Probability

Seconds = Annotated[float, Field(gt=0.0)]


class TargetRules(Config):
    """What may be done with the labels of one target."""

    automate: bool = True
    """Off: its labels are suggested at most."""
    precision: Probability | None = None
    """Precision that automated labels must keep, taken from the release's ladder of thresholds; unset: what the
    release was calibrated for."""


class PolicyConfig(Config):
    """What a person may change without retraining; handed to a running graph as `user_config`."""

    name: str = "default"
    """What people call this policy; its id is the name with a digest of its content."""
    automate: bool = True
    """Off: nothing is automated, whatever the targets say."""
    targets: dict[str, TargetRules] = Field(default_factory=dict)
    """Target → its rules; a target that is not named has the default ones."""


class ReplicasConfig(Config):
    """Processes per deployment. In the fused layout there is one deployment, whose processes hold all parts each."""

    ingress: PositiveInt = 1
    """Processes that take requests; in the fused layout one per core is what the cores can carry."""
    encoder: PositiveInt = 1
    """Processes that turn texts into vectors."""
    classifier: PositiveInt = 1
    """Processes that predict labels."""
    retriever: PositiveInt = 1
    """Processes that find past tickets."""
    reranker: PositiveInt = 1
    """Processes that order them."""
    anomaly: PositiveInt = 1
    """Processes that say what is unusual; several exchange the arrivals that they count, every `exchange_s`."""


class DeadlinesConfig(Config):
    """Seconds that each part has for one ticket, its wait included; then its fallback answers."""

    encoder: Seconds = 2.0
    """Without a vector there is no answer: 503."""
    classifier: Seconds = 2.0
    """Without labels there is no answer: 503."""
    retriever: Seconds = 1.0
    """Afterwards past tickets are found by their words alone."""
    reranker: Seconds = 0.5
    """Afterwards past tickets keep the retriever's order."""
    anomaly: Seconds = 0.5
    """Afterwards the answer has no anomaly scores."""


class PredictionLogConfig(Config):
    """The append-only log of every answer."""

    enabled: bool = True
    """Off: no answer is kept, and `GET /v1/predictions/{id}` finds none."""
    flush_s: Seconds = 5.0
    """Longest time that an answer waits in memory before it is written."""
    flush_rows: PositiveInt = 500
    """Answers that are written as one object."""


class ServeConfig(Config):
    """The graph: how it is laid out, what it listens on, what it may take."""

    layout: Literal["composed", "fused"] = "composed"
    """`composed`: every part a deployment of its own; `fused`: the same parts in one process, for small nodes."""
    throughput: bool = False
    """HAProxy and Ray Serve's throughput mode, where a job starts Ray; a running cluster must have been started with
    them. HAProxy listens on every interface, so keys are demanded (`docs/serving.md` says what else it opens)."""
    host: str = "127.0.0.1"
    """Address that `jobs/serve.py` lets Serve listen on; another one than loopback demands keys."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Port that `jobs/serve.py` lets Serve listen on; a Serve that runs keeps its own, and another one is refused."""
    keys_file: str | None = None
    """File with one API key per line that its owner alone may read; a relative path lies under the root, and is made
    there with one random key if it is missing. Unset: no key is asked, and only loopback is answered."""
    replicas: ReplicasConfig = ReplicasConfig()
    """Processes per deployment."""
    num_cpus: Annotated[float, Field(ge=0.0)] = 0.1
    """Share of a core that each process reserves; it may use more. Six of them must fit beside other work."""
    deadlines: DeadlinesConfig = DeadlinesConfig()
    """Seconds per part."""
    max_pending: PositiveInt = 128
    """Tickets in work at the same time in one ingress process; further ones are refused with 503."""
    max_together: PositiveInt = 16
    """Tickets that one call between two processes carries at most."""
    linger_s: Annotated[float, Field(ge=0.0)] = 0.01
    """Seconds that a ticket waits for others, so that they share a call; one that is alone never waits."""
    batch_tickets: PositiveInt = 64
    """Most tickets of one batch request."""
    text_bytes: PositiveInt = 1_000_000
    """Size of one ticket from which on it is refused with 413."""
    batch_bytes: PositiveInt = 8_000_000
    """Size of a batch request from which on it is refused with 413."""
    exchange_s: Seconds = 1.0
    """Seconds between two exchanges of arrivals, where several processes count them (`replicas.anomaly`, or
    `replicas.ingress` in the fused layout): so late does one learn what another counted."""
    candidates: PositiveInt = 30
    """Past tickets that are re-ranked."""
    similar: PositiveInt = 5
    """Past tickets that an answer shows."""
    log: PredictionLogConfig = PredictionLogConfig()
    """The log of answers."""
    policy: PolicyConfig = PolicyConfig()
    """What may be done with labels when the graph starts."""

    write_config: str | None = None
    """File that `jobs/serve.py` writes for `serve deploy`, in place of deploying."""
    try_file: str | None = None
    """File of tickets in the contract's own form (JSON Lines): `jobs/serve.py` asks the graph about its first ones,
    prints the answers and stops. A relative path is looked for in the bucket first."""
    try_tickets: Count = 3
    """Tickets of that file to ask about."""

    @property
    def num_counters(self) -> int:
        """Processes that count arrivals."""
        return self.replicas.ingress if self.layout == "fused" else self.replicas.anomaly
