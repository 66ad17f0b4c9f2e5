"""From a training run to a model that is shipped: `python examples/models/ship.py RUN [NAME] [--force]`.

Writes NAME/model.onnx and its card NAME/README.md beside this file; --force replaces a folder NAME that is there.
The accuracy in the card is that of the native artifact that is built from the ONNX file, on the whole test set.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import lgn_edge
from lgn_edge.files import atomic_directory
from lgn_edge.network import Network
from lgn_edge.training import load_dataset
from lgn_edge.training.checkpoint import read_document
from lgn_edge.training.recipe import recipe_from

FOLDER = Path(__file__).parent
LICENCES = {
    "digits": "UCI Optical Recognition of Handwritten Digits, CC BY 4.0",
    "mnist": "MNIST (LeCun, Cortes, Burges), usually given as CC BY-SA 3.0",
    "fashion-mnist": "Fashion-MNIST (Zalando SE), MIT",
    "cifar10": "CIFAR-10 (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009), no licence stated;"
    " test samples are the last 5,000 training images",
    "monk-1": "UCI MONK's Problems, CC BY 4.0",
    "adult": "UCI Adult, CC BY 4.0",
    "breast-cancer": "UCI Breast Cancer (M. Zwitter and M. Soklic), CC BY 4.0",
}


def accuracy(model: Path, dataset: str) -> tuple[float, int]:
    """Share of the test samples that the native artifact of an ONNX file gets right, and how many there are."""
    data = load_dataset(dataset)
    with tempfile.TemporaryDirectory() as folder:
        artifact = lgn_edge.build(model, "native", Path(folder) / "native")
        right = artifact.predict(data.test_x).classes == data.test_y
    return float(right.mean()), len(right)


def gates(network: Network) -> str:
    """How many gates there are, and in each layer that has any; those of kernels are stored once."""
    layers = " + ".join(f"{layer.n_distinct:,}" for layer in network.layers if layer.n_distinct)
    if network.n_distinct == network.n_gates:
        return f"{network.n_gates:,} ({layers})"
    return f"{network.n_distinct:,} stored ({layers}), {network.n_gates:,} at all places"


def card(run: Path, name: str, model: Path) -> str:
    """The model card."""
    document = read_document(run)
    recipe, metrics = recipe_from(document["recipe"], str(run)), document["metrics"]
    network = lgn_edge.load(model)
    chosen = "none held out, the last epoch"
    if "validation_accuracy" in metrics:
        chosen = f"{100 * metrics['validation_accuracy']:.2f} %, epoch {metrics['best_epoch']:,.0f}"
    share, samples = accuracy(model, recipe.data.name)
    return f"""# {name}

| | |
|---|---|
| gates | {gates(network)} |
| accuracy | **{100 * share:.2f} %** of all {samples:,} test samples: the ONNX file through the native artifact |
| validation | {chosen} of {metrics["epochs"]:,.0f} |
| seed | {recipe.training.seed} |
| file | model.onnx, {model.stat().st_size / 1000:,.0f} kB |
| data | {LICENCES[recipe.data.name]} |

One run with one seed; the test samples took part in nothing but this figure. Trained on one CPU thread with
`lgn-edge train` and this recipe:

```toml
{recipe.to_toml()}```
"""


def main() -> None:
    """Export, measure, write the card."""
    run, *names = (argument for argument in sys.argv[1:] if argument != "--force")
    name = names[0] if names else read_document(run)["name"]
    with atomic_directory(FOLDER / name, "shipped model", force="--force" in sys.argv) as folder:
        lgn_edge.export(run, folder / "model.onnx")
        (folder / "README.md").write_text(card(Path(run), name, folder / "model.onnx"), encoding="utf-8")
    print(FOLDER / name)


if __name__ == "__main__":
    main()
