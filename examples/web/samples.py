"""The page's test images: `LGN_EDGE_DATA=folder python examples/web/samples.py` writes page/samples/*.bin anew.

Of each class the first image of the test set: uint8[10, 784], class by class.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from lgn_edge.files import write_atomic
from lgn_edge.training import load_dataset

FOLDER: Final = Path(__file__).parent / "page" / "samples"
DATASETS: Final = ("mnist", "fashion-mnist")


def main() -> None:
    for name in DATASETS:
        data = load_dataset(name)
        _, first = np.unique(data.test_y, return_index=True)
        write_atomic(FOLDER / f"{name}.bin", data.test_x[first].astype(np.uint8).tobytes(), ours=lambda _: True)
        print(f"{FOLDER / name}.bin: test images {', '.join(map(str, first))}")


if __name__ == "__main__":
    main()
