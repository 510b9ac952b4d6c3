from __future__ import annotations

from typing import Literal

import pytest

from tickets.config import SweepConfig
from tickets.errors import ConfigError
from tickets.train.placement import check_accelerator, trial_resources, worker_resources

Accelerator = Literal["auto", "cpu", "gpu"]
CPU, WITH_GPU = {"cpu": 1}, {"cpu": 1, "gpu": 0.5}


@pytest.mark.parametrize(
    ("accelerator", "uses_gpu", "num_gpus", "expected"),
    [
        ("auto", True, 0, CPU),
        ("auto", True, 1, WITH_GPU),
        ("auto", True, 0.5, WITH_GPU),
        ("auto", True, 0.25, CPU),
        ("auto", False, 1, CPU),
        ("cpu", True, 4, CPU),
        ("gpu", True, 1, WITH_GPU),
        ("gpu", True, 0, WITH_GPU),  # demanded: the trial waits until an autoscaler brings one
        ("gpu", False, 1, CPU),
    ],
)
def test_a_trial_gets_a_gpu_where_it_can_use_one_and_may(
    accelerator: Accelerator, uses_gpu: bool, num_gpus: float, expected: dict[str, float]
) -> None:
    config = SweepConfig(accelerator=accelerator, gpus_per_trial=0.5)
    assert trial_resources(config, uses_gpu, num_gpus) == expected


def test_a_trial_holds_the_share_that_is_configured() -> None:
    config = SweepConfig(accelerator="auto", gpus_per_trial=2)
    assert trial_resources(config, True, 1) == CPU
    assert trial_resources(config, True, 2) == {"cpu": 1, "gpu": 2}


def test_a_gpu_that_will_never_come_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sweep\.accelerator=gpu: the cluster has no GPU; allowed here: auto, cpu"):
        check_accelerator("gpu", 0, can_scale=False)


@pytest.mark.parametrize(
    ("accelerator", "num_gpus", "can_scale"),
    [("auto", 0, False), ("cpu", 0, False), ("gpu", 1, False), ("gpu", 0, True)],
)
def test_what_can_be_placed_is_not_refused(accelerator: Accelerator, num_gpus: float, can_scale: bool) -> None:
    check_accelerator(accelerator, num_gpus, can_scale)


@pytest.mark.parametrize(
    ("node_cpus", "num_workers", "asked", "use_gpu", "expected"),
    [
        ([2.0], 1, None, False, {"CPU": 2}),
        ([2.0], 2, None, False, {"CPU": 1}),
        ([2.0], 4, None, False, {"CPU": 1}),
        ([4.0, 16.0], 3, None, False, {"CPU": 5}),
        ([16.0], 2, 3, False, {"CPU": 3}),
        ([16.0], 2, None, True, {"CPU": 8, "GPU": 1}),
        ([], 1, None, True, {"CPU": 1, "GPU": 1}),
    ],
)
def test_workers_divide_the_largest_node(
    node_cpus: list[float], num_workers: int, asked: int | None, use_gpu: bool, expected: dict[str, float]
) -> None:
    assert worker_resources(node_cpus, num_workers, asked, use_gpu) == expected
