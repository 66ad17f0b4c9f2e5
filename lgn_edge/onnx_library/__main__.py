"""`python -m lgn_edge.onnx_library FOLDER`: build this machine's library into a folder, for `make wheel`."""

from __future__ import annotations

import sys
from pathlib import Path

from lgn_edge.files import atomic_path
from lgn_edge.onnx_library.build import build_library
from lgn_edge.onnx_library.folder import prebuilt_path
from lgn_edge.onnx_library.path import library_target


def main() -> None:
    """Build, and print the path."""
    target = library_target()
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / prebuilt_path(target.name).name
    with atomic_path(output) as library:
        build_library(target, library)
    print(output)


if __name__ == "__main__":
    main()
