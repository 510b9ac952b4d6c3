"""The fine-tune by two Ray Train workers on CPUs, cut off after a pass and taken up again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from running import REPOSITORY, Head

pytestmark = [pytest.mark.cluster, pytest.mark.heavy]


def test_two_workers_learn_what_one_loop_does_and_take_up_their_checkpoint(head: Head, tmp_path: Path) -> None:
    paths = [str(REPOSITORY / folder) for folder in ("", "tests/unit")]
    environment = {**head.environment, "RAY_ADDRESS": head.address, "PYTHONPATH": ":".join(paths)}
    script = str(REPOSITORY / "tests/integration/finetuning.py")
    ran = subprocess.run(
        [sys.executable, script, str(tmp_path)], env=environment, cwd=REPOSITORY, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["first"]["epochs"] == 1
    assert told["second"]["epochs"] == 3
    assert told["second"]["curve"][0] == told["first"]["curve"][0]  # that pass was not made again
    assert told["second"]["curve"] == pytest.approx(told["plain"], abs=0.1)  # each worker draws its own dropout
    assert told["accuracy"]["topic"] > 0.9
    assert told["accuracy"]["tier"] > 0.9
    assert told["second"]["precision"] in ("int8", "fp32")
