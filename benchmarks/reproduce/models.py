"""The models of examples/models beside the papers' figures: ONNX file, native artifact, whole test set.

Not like for like where a note says so. The papers' figures are theirs, of several seeds where a spread is given; ours
are of one run with one seed each. An absent model or data set is a row that was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runs import Options, Row, accuracy, run

import lgn_edge
from lgn_edge.errors import LgnError
from lgn_edge.training import load_dataset

FOLDER = Path(__file__).parents[2] / "examples" / "models"


@dataclass(frozen=True)
class Claim:
    """A figure to be reached.

    Attributes:
        model: folder in examples/models.
        dataset: what it is tested on.
        must: the bar, percent.
        aim: what we would like.
        paper: the paper's figure, and what differs.
    """

    model: str
    dataset: str
    must: str
    aim: str
    paper: str


CLAIMS = (
    Claim("mnist-8000", "mnist", ">= 98.0", ">= 98.45", "LILogicNet 98.45 % with 8,000 gates, learned wiring"),
    Claim("mnist-4000", "mnist", ">= 97.4", ">= 97.96", "LILogicNet 97.96 % with 4,000 gates, learned wiring"),
    Claim("mnist-48000", "mnist", ">= 97.7", "", "Petersen 2022: 97.69 +- 0.11 %, all layers random, 20 x 20 pixels"),
    Claim("fashion-mnist-64000", "fashion-mnist", ">= 89", ">= 90.3", "LILogicNet 90.26 % with 64,000 gates"),
    Claim("fashion-mnist-32000", "fashion-mnist", ">= 89", "", "LILogicNet 90.26 % with 64,000 gates"),
    Claim(
        "cifar10-32000-edges", "cifar10", ">= 61.5", ">= 63", "held-out images; without edges 59.48 %, see cifar10.py"
    ),
    Claim("monk-1", "monk-1", ">= 100", "", "Petersen 2022: 100 %; random wiring, another size"),
    Claim("adult", "adult", ">= 84.8", "", "Petersen 2022: 84.8 % with 1,280 gates, 5 layers, random wiring"),
    Claim("breast-cancer", "breast-cancer", ">= 76.1", "", "Petersen 2022: 76.1 %, 640 gates; see breast_cancer.py"),
)


def measure(options: Options) -> list[Row]:
    """One row a model; --quick changes nothing."""
    return [_row(claim) for claim in CLAIMS]


def _row(claim: Claim) -> Row:
    model = FOLDER / claim.model / "model.onnx"
    if not model.exists():
        return Row(claim.model, None, "%", claim.must, claim.aim, f"not trained; {claim.paper}")
    try:
        data = load_dataset(claim.dataset)
    except LgnError as error:
        return Row(claim.model, None, "%", claim.must, claim.aim, f"not measured: {error}")
    share = accuracy(model, data.test_x, data.test_y)
    gates = lgn_edge.load(model).n_gates
    note = f"{gates:,} gates, n = {len(data.test_y):,}; {claim.paper}"
    return Row(claim.model, 100 * share, "%", claim.must, claim.aim, note)


if __name__ == "__main__":
    run("reproduce/models", measure)
