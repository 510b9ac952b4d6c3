"""What one trial may hold: CPUs and, where the family can use it and the cluster has it, a GPU or a share of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tickets.config import SweepConfig
from tickets.errors import ConfigError


def trial_resources(config: SweepConfig, uses_gpu: bool, num_gpus: float) -> dict[str, float]:
    """Resources of one trial, as `ray.tune.with_resources` takes them.

    Args:
        config: `auto` looks whether the cluster has a GPU, `gpu` demands one, `cpu` never asks.
        uses_gpu: Whether the family can use one.
        num_gpus: GPUs of the cluster now; 0 before an autoscaler brings the first.

    Returns:
        `{"cpu": 1}`, with `"gpu"` where the trial gets one.
    """
    wanted = config.accelerator == "gpu" or (config.accelerator == "auto" and num_gpus >= config.gpus_per_trial)
    return {"cpu": 1, "gpu": config.gpus_per_trial} if uses_gpu and wanted else {"cpu": 1}


def worker_resources(
    node_cpus: Sequence[float], num_workers: int, cpus_per_worker: int | None, use_gpu: bool
) -> dict[str, float]:
    """Resources of one worker of a fit that several share, as Ray Train takes them.

    Args:
        node_cpus: Cores of each node; empty before an autoscaler brings the first.
        num_workers: How many share the fit.
        cpus_per_worker: Cores that are asked for; None: the workers divide the largest node.
        use_gpu: Whether each worker gets a GPU of its own.
    """
    cpus = cpus_per_worker or max(int(max(node_cpus, default=1) // num_workers), 1)
    return {"CPU": cpus, "GPU": 1} if use_gpu else {"CPU": cpus}


def check_accelerator(accelerator: Literal["auto", "cpu", "gpu"], num_gpus: float, can_scale: bool) -> None:
    """Refuse to wait for a GPU that will never come.

    Raises:
        ConfigError: A GPU is demanded, the cluster has none and does not scale.
    """
    if accelerator == "gpu" and num_gpus == 0 and not can_scale:
        raise ConfigError("sweep.accelerator=gpu: the cluster has no GPU; allowed here: auto, cpu")
