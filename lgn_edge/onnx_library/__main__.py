"""`python -m lgn_edge.onnx_library FOLDER [TARGET]`: build the library into a folder, for `make wheel`."""

from __future__ import annotations

import sys
from pathlib import Path

from lgn_edge.files import atomic_path
from lgn_edge.onnx_library.build import build_library
from lgn_edge.onnx_library.folder import prebuilt_path
from lgn_edge.onnx_library.path import TARGETS, library_target


def main() -> None:
    """Build for the target, or for this machine, and print the path."""
    by_name = {target.name: target for target in TARGETS}
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], *([name] for name in by_name)):
        sys.exit(f"usage: python -m lgn_edge.onnx_library FOLDER [{'|'.join(by_name)}]")
    target = by_name[sys.argv[2]] if sys.argv[2:] else library_target()
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / prebuilt_path(target.name).name
    with atomic_path(output) as library:
        build_library(target, library)
    print(output)


if __name__ == "__main__":
    main()
