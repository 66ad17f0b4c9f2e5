"""A Lightning loop, run by test_training_loops.py: trains, validates, checkpoints, resumes, exports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

import lgn_edge
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, Threshold


class Classifier(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        options: dict[str, Any] = {"estimator": "hard", "init": "gaussian"}
        layers = [LogicDense(16, 64, seed=1, **options), LogicDense(64, 64, seed=2, **options)]
        self.network = LogicGateNetwork(Threshold.bits(16), layers, GroupSum(64, 2, 3.0))

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        self.log("accuracy", (self.network.predict(batch[0]) == batch[1]).float().mean())

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.1)


def main(folder: Path) -> None:
    torch.manual_seed(0)
    x = (torch.rand(256, 16) > 0.5).to(torch.uint8)
    y = (x[:, 0] & x[:, 1]).long()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    options: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    options |= {"accelerator": "cpu", "default_root_dir": folder}
    trainer = lightning.Trainer(max_epochs=2, enable_checkpointing=False, **options)
    model = Classifier()
    trainer.validate(model, loader, verbose=False)  # in inference mode, before the first step
    trainer.fit(model, loader, loader)
    trainer.save_checkpoint(folder / "two.ckpt")
    resumed = Classifier()
    trainer = lightning.Trainer(max_epochs=6, enable_checkpointing=False, **options)
    trainer.fit(resumed, loader, loader, ckpt_path=folder / "two.ckpt")
    assert trainer.callback_metrics["accuracy"] > 0.9
    network = lgn_edge.export(resumed.network, folder / "model.onnx")
    scores = network.evaluate(x.numpy()).scores
    assert (scores == resumed.network.eval().scores(x).numpy()).all()
    print("exported")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
