"""In the peers' environment: trains emlearn's models on the given data and writes their C.

emlearn_worker.py DATA.npz ACCURACY FOLDER: the smallest of each kind that reaches the accuracy on the test samples, or
the best, as FOLDER/forest.h and FOLDER/mlp.h; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import emlearn
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

TREES = (3, 5, 10, 15, 20, 30, 40, 60, 100)
HIDDEN = (8, 12, 16, 24, 32, 48, 64)


def smallest(models: Sequence[Any], data: Any, accuracy: float) -> tuple[Any, float]:
    """The first that reaches the accuracy, else the best."""
    best, reached = None, -1.0
    for model in models:
        model.fit(data["train_x"].astype(np.int16), data["train_y"])
        found = float(model.score(data["test_x"].astype(np.int16), data["test_y"]))
        if found > reached:
            best, reached = model, found
        if reached >= accuracy:
            break
    return best, reached


def main(data_path: str, accuracy: str, folder: str) -> None:
    warnings.simplefilter("ignore")
    data, result = np.load(data_path), {"version": emlearn.__version__, "include": emlearn.includedir}
    forests = [RandomForestClassifier(n, random_state=0) for n in TREES]
    networks = [MLPClassifier((n,), max_iter=400, random_state=0) for n in HIDDEN]
    for name, models, options in (
        ("forest", forests, {"method": "inline", "dtype": "int16_t"}),
        ("mlp", networks, {"method": "inline"}),
    ):
        model, reached = smallest(models, data, float(accuracy))
        emlearn.convert(model, **options).save(file=str(Path(folder) / f"{name}.h"), name=name)
        size = model.n_estimators if name == "forest" else model.hidden_layer_sizes[0]
        result[name] = {"accuracy": reached, "size": size}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
