from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tickets.config import EncoderConfig, FinetuneConfig, SearchConfig
from tickets.errors import ModelError
from tickets.models.family import Examples, Limits, family, nll


def test_a_trial_trains_with_its_own_settings(
    tiny_encoder: EncoderConfig,
    tuning: FinetuneConfig,
    train: Examples,
    valid: Examples,
    limits: Limits,
    tmp_path: Path,
) -> None:
    module = family("transformer")
    assert (module.USES_GPU, module.NEEDS_HEAD) == (True, False)
    held = replace(limits, transformer=(tiny_encoder, tuning))
    params = {"layers": 12, "encoder_rate": 3e-3, "head_rate": 1e-2}
    reported: list[float] = []
    fitted = module.fit(params, train, valid, held, reported.append)
    assert len(reported) == 4
    assert reported == sorted(reported, reverse=True)
    probabilities = fitted.classifier.predict(valid.features)
    assert fitted.nll == reported[-1] == pytest.approx(nll(probabilities, valid.labels), abs=1e-5)
    assert (probabilities.argmax(axis=1) == valid.labels).mean() > 0.7
    frozen: list[float] = []
    module.fit({**params, "layers": 0, "head_rate": 1e-9}, train, valid, held, frozen.append)
    assert np.ptp(frozen) < 1e-3
    with pytest.raises(ModelError, match="not kept"):
        fitted.classifier.save(tmp_path)


def test_a_trial_needs_an_encoder(train: Examples, valid: Examples, limits: Limits) -> None:
    with pytest.raises(ModelError, match="name no encoder"):
        family("transformer").fit({}, train, valid, limits, lambda loss: None)


def test_every_setting_that_is_searched_is_one_of_the_fine_tune() -> None:
    searched = SearchConfig().transformer
    assert set(type(searched).model_fields) <= set(FinetuneConfig.model_fields)
    for name in ("encoder_rate", "head_rate"):
        assert getattr(searched, name).first == getattr(FinetuneConfig(), name)
