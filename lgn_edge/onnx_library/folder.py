"""Where the sources of the library are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lgn_edge.errors import InvariantError

_PACKAGE: Final = Path(__file__).resolve().parent.parent
PLAN_SOURCE: Final = _PACKAGE / "forms" / "rows" / "schedule.c"


def sources_folder() -> Path:
    """The folder `custom_ops` of an installed package, else that of the checkout.

    Raises:
        InvariantError: neither is there; the installation is damaged.
    """
    for folder in (_PACKAGE / "_custom_ops", _PACKAGE.parent / "custom_ops"):
        if folder.is_dir():
            return folder
    raise InvariantError(f"{_PACKAGE} came without the sources of its ONNX Runtime library; install lgn-edge again")


def prebuilt_path(target: str) -> Path:
    """Where a wheel has the library for a target; a checkout has none there."""
    return _PACKAGE / "_prebuilt" / f"onnxruntime-{target}.so"
