"""The peers' packages, imported in the environment that `make peers` makes; what they need patched for that is said.

`packages.py` alone imports each and prints a line for it: the last step of `make peers`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

# torchlogix/circuit.py has an f-string inside an f-string with the same quotes, which Python reads from 3.12 on.
_QUOTES = (('is None else f"""', "is None else f'''"), ('"""}"""', "'''}\"\"\""))


def difflogic(cuda: bool = False) -> Any:
    """The package; without its CUDA extension, which it imports although nothing of it runs on a CPU."""
    if not cuda:
        sys.modules["difflogic_cuda"] = types.ModuleType("difflogic_cuda")
    return importlib.import_module("difflogic")


def torchlogix() -> Any:
    """The package; before Python 3.12 with other quotes in one of its files, in memory."""
    name = "torchlogix.circuit"
    if sys.version_info < (3, 12) and name not in sys.modules:
        path = Path(importlib.util.find_spec("torchlogix").submodule_search_locations[0]) / "circuit.py"
        source = path.read_text()
        for found, instead in _QUOTES:
            source = source.replace(found, instead)
        module = sys.modules[name] = types.ModuleType(name)
        module.__file__, module.__package__ = str(path), "torchlogix"
        exec(compile(source, str(path), "exec"), module.__dict__)
    return importlib.import_module("torchlogix")


def main() -> None:
    """Import all of them."""
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    other_quotes = f"circuit.py is given other quotes in memory: {python} cannot parse it"
    patches = {
        "difflogic": (difflogic, "its CUDA extension is left empty"),
        "torchlogix": (torchlogix, other_quotes if sys.version_info < (3, 12) else ""),
        "emlearn": (lambda: importlib.import_module("emlearn"), ""),
    }
    for name, (load, patch) in patches.items():
        load()
        print(f"{name} {version(name)} imports" + (f"; {patch}" if patch else ""))


if __name__ == "__main__":
    main()
