"""Reading and writing arrays that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgn_edge.errors import InputError
from lgn_edge.paths import Wanted, require

if TYPE_CHECKING:
    from numpy.typing import NDArray


def load_array(path: Path) -> NDArray[Any]:
    """One array of a .npy file; never unpickles.

    Raises:
        InputError: no such file, or not an array.
    """
    import numpy as np

    try:
        array: NDArray[Any] = np.load(require(path, Wanted.ARRAY), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:  # numpy's own words would advise to unpickle it
        raise InputError(f"{path} is not a file of one numeric array; give a .npy that numpy.save wrote") from error
    return array


def load_labels(path: Path, samples: int, class_names: Sequence[str]) -> NDArray[Any]:
    """Classes int64 [samples] of a file of their numbers or names.

    Raises:
        InputError: not one class for each sample.
    """
    from lgn_edge.network.labels import as_labels

    (labels,) = as_labels({f"{path}:": load_array(path)}, class_names)
    if len(labels) != samples:
        raise InputError(f"{path} holds {len(labels)} labels; give one for each of the {samples} samples")
    return labels
