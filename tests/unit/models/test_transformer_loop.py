from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tickets.config import FinetuneConfig
from tickets.models import transformer_loop
from tickets.models.transformer import Shape
from tickets.models.transformer_loop import choose_precision, judge, schedule, train
from tickets.models.transformer_network import Network, parameter_groups
from tickets.models.transformer_rows import Rows
from tickets.models.transformer_state import Progress, State, load_progress

CPU = torch.device("cpu")
Parts = tuple[Rows, Rows]


def accuracies(network: Network, rows: Rows, shape: Shape) -> list[float]:
    answers = judge(network, rows, shape.num_labels, None, CPU)
    return [
        float((answer.argmax(axis=1) == codes)[codes >= 0].mean())
        for answer, codes in zip(answers, rows.labels.T, strict=True)
    ]


def test_it_learns_all_targets_at_once(trained_state: State, tuning_rows: Parts, shape: Shape) -> None:
    category, is_api = accuracies(trained_state.network, tuning_rows[1], shape)
    assert category > 0.7  # the largest class has half of the rows
    assert is_api > 0.9  # it stands in a field, not in the text
    assert trained_state.progress.best_nll == min(trained_state.progress.curve)


def test_what_was_saved_is_taken_up_as_if_nothing_had_happened(
    trained_state: State,
    new_network: Callable[..., Network],
    tuning_rows: Parts,
    shape: Shape,
    tuning: FinetuneConfig,
    tmp_path: Path,
) -> None:
    states = train(new_network(), *tuning_rows, shape.num_labels, tuning, CPU, 0)
    next(states)
    next(states).save(tmp_path)
    states.close()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json"] + 3 * [".safetensors"]
    assert load_progress(tmp_path).epochs == 2
    *_, state = train(new_network(), *tuning_rows, shape.num_labels, tuning, CPU, 0, start=tmp_path)
    assert state.progress.curve == trained_state.progress.curve
    for name, weights in trained_state.best.items():
        torch.testing.assert_close(state.best[name], weights, rtol=0, atol=0)
    state.save(tmp_path)
    assert not list(train(new_network(), *tuning_rows, shape.num_labels, tuning, CPU, 0, start=tmp_path))


def test_the_best_pass_is_kept_and_patience_ends_it(
    new_network: Callable[..., Network], tuning_rows: Parts, shape: Shape, tuning: FinetuneConfig
) -> None:
    first, last = tuning_rows
    shuffled = replace(last, labels=np.random.default_rng(0).permutation(last.labels))  # the more learned, the worse
    config = tuning.model_copy(update={"epochs": 9, "patience_epochs": 2})
    *_, state = train(new_network(), first, shuffled, shape.num_labels, config, CPU, 0)
    progress = state.progress
    assert progress.epochs == progress.best_epoch + 2 < 9
    best = new_network()
    best.load_state_dict(state.best)
    losses = judge(best, shuffled, shape.num_labels, None, CPU)
    found = [
        -np.log(answer[np.arange(100), codes])[codes >= 0].mean()
        for answer, codes in zip(losses, shuffled.labels.T, strict=True)
    ]
    assert sum(found) == pytest.approx(progress.best_nll, abs=1e-5)


def test_without_validation_the_last_pass_counts(
    new_network: Callable[..., Network], tuning_rows: Parts, shape: Shape, tuning: FinetuneConfig
) -> None:
    first, last = tuning_rows
    none = Rows(last.tokens[:0], last.ends[:0], last.codes[:0], last.numbers[:0], last.labels[:0])
    *_, state = train(new_network(), first, none, shape.num_labels, tuning, CPU, 0, last_epoch=2)
    assert (state.progress.epochs, state.progress.best_epoch, state.progress.curve) == (2, 2, ())
    torch.testing.assert_close(state.best, state.network.state_dict())


def test_a_network_that_diverges_is_never_the_best(
    new_network: Callable[..., Network], tuning_rows: Parts, shape: Shape, tuning: FinetuneConfig, tmp_path: Path
) -> None:
    network = new_network()
    torch.nn.init.constant_(network.heads[0].bias, math.nan)
    state = next(train(network, *tuning_rows, shape.num_labels, tuning, CPU, 0))
    assert math.isnan(state.progress.curve[0])
    assert (state.progress.best_epoch, state.best) == (0, {})
    state.save(tmp_path)
    assert load_progress(tmp_path).best_epoch == 0


def test_a_field_without_a_label_teaches_nothing_and_breaks_nothing(
    new_network: Callable[..., Network], tuning_rows: Parts, shape: Shape, tuning: FinetuneConfig
) -> None:
    first, last = tuning_rows
    silent = replace(first, labels=np.full_like(first.labels, -2))
    untouched = new_network()
    config = tuning.model_copy(update={"weight_decay": 0.0})
    state = next(train(new_network(), silent, last, shape.num_labels, config, CPU, 0))
    torch.testing.assert_close(state.network.state_dict(), untouched.state_dict())


def test_the_remedies_are_what_they_are_said_to_be() -> None:
    labels = np.array([[0], [0], [0], [1]])
    logits, codes = torch.tensor([[0.3, -0.2], [1.0, 0.5]]), torch.tensor([[0], [1]])
    losses = {
        name: transformer_loop._Loss(labels, {"one": 2}, name, CPU)(logits, codes).item()
        for name in ("none", "logit_adjustment", "class_weights")
    }
    plain = torch.nn.functional.cross_entropy(logits, codes[:, 0], reduction="none")
    adjusted = logits + torch.tensor([0.75, 0.25]).log()
    assert losses["none"] == pytest.approx(plain.mean().item())
    expected = torch.nn.functional.cross_entropy(adjusted, codes[:, 0]).item()
    assert losses["logit_adjustment"] == pytest.approx(expected)
    # A row of the rare class weighs three times one of the other.
    assert losses["class_weights"] == pytest.approx(((plain[0] + 3 * plain[1]) / 4).item())


def test_the_rate_rises_and_falls() -> None:
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[55] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001
    assert schedule(0, 1, 0.0) == 1.0


def test_layers_below_those_asked_for_stay_as_they_were(new_network: Callable[..., Network]) -> None:
    network = new_network()
    groups = parameter_groups(network, FinetuneConfig(layers=1, encoder_rate=1e-4, head_rate=1e-3))
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"encoder", "codes", "fields", "heads"}
    assert {name.rsplit("layer.", 1)[-1][0] for name in trained if name.startswith("encoder")} == {"1"}
    assert {group["peak"] for group in groups} == {1e-4, 1e-3}
    assert {group["weight_decay"] for group in groups} == {0.0, 0.01}
    none = parameter_groups(new_network(), FinetuneConfig(layers=0, head_rate=1e-3))
    assert {group["peak"] for group in none} == {1e-3}


def test_deeper_layers_learn_more_slowly(new_network: Callable[..., Network]) -> None:
    network = new_network()
    config = FinetuneConfig(encoder_rate=1e-4, layer_decay=0.5, head_rate=1e-3)
    peak_of = {
        id(parameter): group["peak"] for group in parameter_groups(network, config) for parameter in group["params"]
    }
    rates = {name: peak_of[id(parameter)] for name, parameter in network.named_parameters()}
    assert rates["encoder.encoder.layer.1.output.dense.weight"] == pytest.approx(1e-4)
    assert rates["encoder.encoder.layer.0.output.dense.weight"] == pytest.approx(5e-5)
    assert rates["encoder.embeddings.word_embeddings.weight"] == pytest.approx(2.5e-5)
    assert rates["heads.0.weight"] == pytest.approx(1e-3)


def test_the_budget_and_the_passes_end_training() -> None:
    progress = Progress().after(0.5, 10.0).after(0.4, 10.0)
    patient = FinetuneConfig(epochs=5, patience_epochs=5)
    assert not progress.is_over(patient, 5)
    assert progress.is_over(patient, 2)
    assert not progress.is_over(patient.model_copy(update={"time_budget_s": 30.0}), 5)
    assert progress.is_over(patient.model_copy(update={"time_budget_s": 29.0}), 5)
    assert not Progress().is_over(patient.model_copy(update={"time_budget_s": 1e-9}), 5)  # the first pass is made
    assert progress.after(math.nan, 1.0).best_epoch == 2


def test_precision_is_that_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert choose_precision("auto", CPU) is None
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert choose_precision("auto", CPU) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert choose_precision("auto", cuda) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert choose_precision("auto", cuda) is torch.float16
    assert choose_precision("fp32", cuda) is None


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns_too(
    new_network: Callable[..., Network], tuning_rows: Parts, shape: Shape, tuning: FinetuneConfig, precision: str
) -> None:
    config = tuning.model_copy(update={"precision": precision})
    *_, state = train(new_network(), *tuning_rows, shape.num_labels, config, CPU, 0)
    assert accuracies(state.network, tuning_rows[1], shape)[0] > 0.7
    assert {weights.dtype for weights in state.best.values()} <= {torch.float32, torch.int64}


def test_it_tells_how_far_it_is(
    new_network: Callable[..., Network],
    tuning_rows: Parts,
    shape: Shape,
    tuning: FinetuneConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transformer_loop, "_TELL_EVERY_S", 0.0)
    told: list[str] = []
    next(train(new_network(), *tuning_rows, shape.num_labels, tuning, CPU, 0, told.append))
    assert len(told) == 13
    assert told[0].startswith("pass 1/4, step 1/13, loss ")
    assert told[0].endswith(" min to go")
