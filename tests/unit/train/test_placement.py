from __future__ import annotations

from types import SimpleNamespace
from typing import Literal

import pytest

from tickets.config import FinetuneConfig, SweepConfig
from tickets.config.parse import parse
from tickets.errors import ConfigError
from tickets.models.family import Limits
from tickets.train.placement import (
    check_accelerator,
    check_workers,
    on_granted_device,
    trial_resources,
    worker_resources,
)

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
    assert trial_resources(config, uses_gpu, [{"CPU": 4}, {"CPU": 4, "GPU": num_gpus}]) == expected


def test_a_trial_holds_what_is_configured_on_one_node() -> None:
    config = SweepConfig(accelerator="auto", gpus_per_trial=2)
    assert trial_resources(config, True, [{"GPU": 1}, {"GPU": 1}]) == CPU
    assert trial_resources(config, True, [{"GPU": 2}]) == {"cpu": 1, "gpu": 2}


def test_a_gpu_that_will_never_come_is_refused() -> None:
    config = SweepConfig(accelerator="gpu")
    with pytest.raises(ConfigError, match=r"sweep\.accelerator=gpu: the cluster has no GPU; allowed here: auto, cpu"):
        check_accelerator(config, [{"CPU": 2}], can_scale=False)


def test_more_gpus_than_a_node_has_are_refused() -> None:
    config = SweepConfig(accelerator="gpu", gpus_per_trial=2)
    with pytest.raises(ConfigError, match=r"sweep\.gpus_per_trial=2: no node has as many; allowed here: 1"):
        check_accelerator(config, [{"GPU": 1}, {"GPU": 1}], can_scale=False)


@pytest.mark.parametrize(
    ("accelerator", "num_gpus", "can_scale"),
    [("auto", 0, False), ("cpu", 0, False), ("gpu", 1, False), ("gpu", 0, True)],
)
def test_what_can_be_placed_is_not_refused(accelerator: Accelerator, num_gpus: float, can_scale: bool) -> None:
    check_accelerator(SweepConfig(accelerator=accelerator), [{"GPU": num_gpus}], can_scale)


@pytest.mark.parametrize("asked", [1.5, 2.25])
def test_more_than_one_gpu_is_a_whole_number_of_them(asked: float) -> None:
    with pytest.raises(ConfigError, match=r"sweep\.gpus_per_trial.*whole number of GPUs"):
        parse({"source": {"name": "mine"}, "sweep": {"gpus_per_trial": asked}})


@pytest.mark.parametrize("asked", [0.25, 1, 2, 3.0])
def test_a_share_or_a_number_of_gpus_is_taken(asked: float) -> None:
    assert SweepConfig(gpus_per_trial=asked).gpus_per_trial == asked


@pytest.mark.parametrize(
    ("nodes", "settings", "use_gpu", "told"),
    [
        (
            [{"CPU": 2}],
            {"num_workers": 4},
            False,
            "num_workers=4: the cluster has room for 2 with 1 CPU each; .* 1 to 2",
        ),
        ([{"CPU": 16, "GPU": 1}], {"num_workers": 2}, True, "has room for 1 with 8 CPU and 1 GPU each; .* 1 to 1"),
        ([{"CPU": 3}, {"CPU": 3}], {"num_workers": 3, "cpus_per_worker": 2}, False, "has room for 2 with 2 CPU each"),
        (
            [{"CPU": 2}],
            {"cpus_per_worker": 3},
            False,
            "room for 0 with 3 CPU each; .*fewer cores in finetune.cpus_per_",
        ),
    ],
)
def test_workers_that_never_have_a_place_are_refused_unless_nodes_may_come(
    nodes: list[dict[str, float]], settings: dict[str, int], use_gpu: bool, told: str
) -> None:
    config = FinetuneConfig.model_validate(settings)
    with pytest.raises(ConfigError, match=told):
        check_workers(config, nodes, use_gpu, can_scale=False)
    check_workers(config, nodes, use_gpu, can_scale=True)


@pytest.mark.parametrize(
    ("nodes", "settings", "use_gpu"),
    [
        ([{"CPU": 2}], {"num_workers": 2}, False),
        ([{"CPU": 3}, {"CPU": 3}], {"num_workers": 2, "cpus_per_worker": 2}, False),
        ([{"CPU": 0}, {"CPU": 8, "GPU": 2}], {"num_workers": 2}, True),
    ],
)
def test_workers_that_fit_are_not_refused(
    nodes: list[dict[str, float]], settings: dict[str, int], use_gpu: bool
) -> None:
    check_workers(FinetuneConfig.model_validate(settings), nodes, use_gpu, can_scale=False)


@pytest.mark.parametrize(
    ("granted", "use_gpu", "share"),
    [({"CPU": 1.0}, False, 1.0), ({"CPU": 1.0, "GPU": 0.5}, True, 0.5), ({"GPU": 2.0}, True, 1.0)],
)
def test_a_fit_knows_what_it_was_granted(
    monkeypatch: pytest.MonkeyPatch, granted: dict[str, float], use_gpu: bool, share: float
) -> None:
    import ray

    context = SimpleNamespace(get_assigned_resources=lambda: granted)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
    held = on_granted_device(Limits(2, 1, 1, 1))
    assert (held.use_gpu, held.gpu_share) == (use_gpu, share)


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
    config = FinetuneConfig(num_workers=num_workers, cpus_per_worker=asked)
    assert worker_resources([{"CPU": cpus} for cpus in node_cpus], config, use_gpu) == expected
