"""CIFAR-10 at 8,000, 32,000 and 128,000 gates beside BitLogic's common protocol: ONNX file, native artifact.

Not like for like: the peers train on all 50,000 training images and test on the 10,000 official test images; ours are
trained on the first 45,000 and tested on the other 5,000, and on the first 1,000 of the official test images. Settings
were compared with a tenth of the 45,000 held out. Ours see images shifted and mirrored, and are of one seed.
LILogicNet's own paper (arXiv 2511.12340) has 55.11 % with 8,000 gates, 57.66 with 64,000 and 60.98 with 256,000.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from models import FOLDER
from numpy.typing import NDArray
from runs import Options, Row, accuracy, run

import lgn_edge
from lgn_edge.errors import LgnError
from lgn_edge.training import cifar10, load_dataset
from lgn_edge.training.sources import DATA_VARIABLE

# arXiv 2602.07400, percent: DiffLogic, LILogic, WARP, BitLogic
PEERS = {8000: (33.72, 33.83, 33.86, 38.93), 32000: (42.55, 42.36, 42.92, 49.22), 128000: (51.73, 51.67, 52.12, 58.06)}


def measure(options: Options) -> list[Row]:
    """Two rows a size, one a test set; --quick changes nothing."""
    return [row for gates in PEERS for row in _rows(gates)]


def official_test() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The first 1,000 of the official test images (see `cifar10.load_official_test`)."""
    return cifar10.load_official_test(Path(os.environ.get(DATA_VARIABLE, "")) / "cifar10")


def _rows(gates: int) -> list[Row]:
    model = FOLDER / f"cifar10-{gates}" / "model.onnx"
    *others, best = PEERS[gates]
    paper = "DiffLogic {}, LILogic {}, WARP {}, BitLogic {} %".format(*others, best)
    if not model.exists():
        return [Row(model.parent.name, None, "%", f">= {best}", note=f"not trained; {paper}")]
    try:
        data = load_dataset("cifar10")
        official = official_test()
    except LgnError as error:
        return [Row(model.parent.name, None, "%", f">= {best}", note=f"not measured: {error}")]
    count = lgn_edge.load(model).n_gates
    rows = []
    for what, (x, y) in {"held-out": (data.test_x, data.test_y), "official test": official}.items():
        note = f"{count:,} gates, n = {len(y):,}; {paper}"
        rows.append(Row(f"{gates:,} gates, {what} images", 100 * accuracy(model, x, y), "%", f">= {best}", note=note))
    return rows


if __name__ == "__main__":
    run("reproduce/cifar10", measure)
