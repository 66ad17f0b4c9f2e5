"""Whole loops of torch users: plain, as documented, and of Lightning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lgn_edge
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold
from tests.nn.networks import ROOT, equal


def test_a_plain_loop_trains_validates_resumes_and_exports(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(256, 16, generator=generator) > 0.5).to(torch.uint8)
    y = (x[:, 0] & x[:, 1]).long()

    def fresh() -> tuple[LogicGateNetwork, torch.optim.Optimizer]:
        options = {"estimator": "hard", "init": "gaussian"}
        layers = [LogicDense(16, 64, seed=1, **options), LogicDense(64, 64, seed=2, **options)]
        model = LogicGateNetwork(Threshold.bits(16), layers, GroupSum(64, 2, 3.0))
        return model, torch.optim.Adam(model.parameters(), lr=0.1)

    def epochs(model: LogicGateNetwork, optimizer: torch.optim.Optimizer, count: int) -> float:
        for _ in range(count):
            with torch.inference_mode():
                accuracy = float((model.eval().predict(x) == y).float().mean())
            model.train()
            for part in torch.arange(len(x)).split(32):
                loss = nn.functional.cross_entropy(model(x[part]), y[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return accuracy

    whole = fresh()
    assert epochs(*whole, 6) > 0.9
    half = fresh()
    epochs(*half, 3)
    torch.save([part.state_dict() for part in half], tmp_path / "half.pt")
    resumed = fresh()
    for part, state in zip(resumed, torch.load(tmp_path / "half.pt"), strict=True):
        part.load_state_dict(state)
    epochs(*resumed, 3)
    assert equal(list(resumed[0].state_dict().values()), list(whole[0].state_dict().values()))
    written = lgn_edge.export(resumed[0], tmp_path / "model.onnx")
    assert np.array_equal(written.evaluate(x.numpy()).scores, resumed[0].eval().scores(x).numpy())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of torch's exporter about torch
def test_the_documented_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        (ROOT / "docs" / "training.md").read_text().partition("## Inside your own torch code")[2].partition("\n## ")[0]
    )
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippets) == 4
    monkeypatch.chdir(tmp_path)
    exec("\n".join(snippets), {})
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "mixed.onnx"}


def test_a_lightning_loop(tmp_path: Path) -> None:
    packages = ROOT / "build" / "lightning"
    if not (packages / ".ready").exists():
        pytest.skip("Lightning is not installed; run: make lightning")
    command = [sys.executable, "-W", "ignore", Path(__file__).with_name("lightning_loop.py"), tmp_path]
    paths = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["exported"]), done.stderr
