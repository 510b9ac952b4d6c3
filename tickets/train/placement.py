"""What trials, fits and workers may hold of the cluster, and what this process was granted of it.

A demand that no node can ever meet is refused at once: Ray would wait for it for ever. It does not know what is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tickets.config import FinetuneConfig, SweepConfig
from tickets.errors import ConfigError
from tickets.models.family import Limits

Node = Mapping[str, float]
"""What one node has of each resource, under Ray's names: `CPU`, `GPU`."""


def living_nodes() -> list[Node]:
    """The nodes of the cluster now. Needs a running Ray."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def on_granted_device(limits: Limits) -> Limits:
    """The limits of a fit in this worker of Ray: on the GPU that it was given, or its share of one."""
    import ray

    gpus = float(ray.get_runtime_context().get_assigned_resources().get("GPU", 0))
    return replace(limits, use_gpu=gpus > 0, gpu_share=min(gpus, 1.0) if gpus else 1.0)


def trial_resources(config: SweepConfig, uses_gpu: bool, nodes: Sequence[Node]) -> dict[str, float]:
    """Resources of one trial, as `ray.tune.with_resources` takes them.

    Args:
        config: `auto` looks whether a node has the GPUs, `gpu` demands them, `cpu` never asks.
        uses_gpu: Whether the family can use one.
        nodes: Of the cluster now; none has a GPU before an autoscaler brings the first.

    Returns:
        `{"cpu": 1}`, with `"gpu"` where the trial gets one.
    """
    wanted = config.accelerator == "gpu" or (config.accelerator == "auto" and _most(nodes) >= config.gpus_per_trial)
    return {"cpu": 1, "gpu": config.gpus_per_trial} if uses_gpu and wanted else {"cpu": 1}


def worker_resources(nodes: Sequence[Node], config: FinetuneConfig, use_gpu: bool) -> dict[str, float]:
    """Resources of one worker of a fit that several share, as Ray Train takes them.

    Args:
        nodes: Of the cluster now; empty before an autoscaler brings the first.
        config: How many share the fit, and the cores of each; unset: the workers divide the largest node.
        use_gpu: Whether each worker gets a GPU of its own.
    """
    most = max((node.get("CPU", 0) for node in nodes), default=1)
    cpus = config.cpus_per_worker or max(int(most // config.num_workers), 1)
    return {"CPU": cpus, "GPU": 1} if use_gpu else {"CPU": cpus}


def check_accelerator(config: SweepConfig, nodes: Sequence[Node], can_scale: bool) -> None:
    """Refuse to wait for GPUs that will never come.

    Raises:
        ConfigError: GPUs are demanded, no node has as many, and the cluster does not scale.
    """
    most = _most(nodes)
    if config.accelerator != "gpu" or can_scale or most >= config.gpus_per_trial:
        return
    if not most:
        raise ConfigError("sweep.accelerator=gpu: the cluster has no GPU; allowed here: auto, cpu")
    raise ConfigError(f"sweep.gpus_per_trial={config.gpus_per_trial:g}: no node has as many; allowed here: {most:g}")


def check_workers(config: FinetuneConfig, nodes: Sequence[Node], use_gpu: bool, can_scale: bool) -> None:
    """Refuse a fine-tune whose workers never have a place at the same time.

    Raises:
        ConfigError: They do not fit onto the nodes together, and the cluster does not scale.
    """
    asked = worker_resources(nodes, config, use_gpu)
    places = sum(int(min(node.get(name, 0) // amount for name, amount in asked.items())) for node in nodes)
    if places < config.num_workers and not can_scale:
        told = " and ".join(f"{amount:g} {name}" for name, amount in asked.items())
        allowed = f"1 to {places}" if places else "fewer cores in finetune.cpus_per_worker, or finetune.enabled=off"
        raise ConfigError(
            f"finetune.num_workers={config.num_workers}: the cluster has room for {places} with {told} each; "
            f"allowed here: {allowed}"
        )


def _most(nodes: Sequence[Node]) -> float:
    """GPUs of the node that has most; a trial runs on one node."""
    return max((node.get("GPU", 0) for node in nodes), default=0)
