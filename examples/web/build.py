"""The page that reads drawn digits: `python examples/web/build.py [FOLDER] [--models NAME ...]`.

Builds each model of examples/models for the target `web`, and puts the modules beside the files of page/. The folder,
build/web by default, is all that a host of static files needs; `python -m http.server -d build/web` is one.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import lgn_edge
from lgn_edge.errors import InputError, LgnError
from lgn_edge.files import atomic_directory, check_folder, scratch_folder
from lgn_edge.network import Network

HERE: Final = Path(__file__).parent
MODELS: Final = HERE.parent / "models"
OUTPUT: Final = HERE.parents[1] / "build" / "web"
KIND: Final = "page"  # of the folder, for those who replace it
SHIPPED: Final = (
    "mnist-conv-small",
    "mnist-conv-tiny",
    "mnist-8000",
    "mnist-4000",
    "mnist-48000",
    "fashion-mnist-32000",
)  # the first is the one that the page begins with
# Large, and for GPUs alone: page/offline.js.in keeps what was taken.
KEPT_LATER: Final = re.compile(r"_webgpu\.(json|bin)$")
DATA: Final = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}


def add_model(name: str, page: Path) -> dict[str, Any]:
    """Build a model into the page's folder; returns what the page says of it."""
    path = MODELS / name / "model.onnx"
    if name not in _shipped_models():
        raise InputError(
            f"there is no model {name} of digits or clothes; examples/models has {', '.join(_shipped_models())}"
        )
    network = lgn_edge.load(path)
    files = page / "models" / name
    files.mkdir(parents=True)
    with scratch_folder() as work:
        artifact = lgn_edge.build(path, "web", work / "artifact")
        for file in artifact.folder.glob("lgn_*"):  # what runs; no library, header and report
            if not file.name.endswith(".d.mts"):
                shutil.copy(file, files)
        shutil.copy(artifact.folder / "LICENSE.txt", files)
    module = (files / f"lgn_{artifact.name}.wasm").read_bytes()
    accuracy = re.search(r"\| accuracy \| \*\*([\d.]+) %\*\*", (MODELS / name / "README.md").read_text())
    assert accuracy, f"the card of {name} has no accuracy"
    return {
        "id": name,
        "title": f"{name}: {accuracy[1]} %",
        "module": f"lgn_{artifact.name}_web.mjs",
        "dataset": network.provenance["dataset"],
        "data": DATA[network.provenance["dataset"]],
        "gates": _gates(network),
        "bytes": len(module),
        "compressed": len(gzip.compress(module, mtime=0)),
        "accuracy": accuracy[1],
    }


def write_page(output: Path, models: Sequence[str]) -> None:
    """Write the folder; one that this made before, as it was made, is replaced."""
    check_folder(output, KIND)
    with atomic_directory(output, KIND) as page:
        shutil.copytree(HERE / "page", page, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.in"))
        entries = []
        for name in dict.fromkeys(models):  # each once
            print(f"building {name}", file=sys.stderr)
            entries.append(add_model(name, page))
        (page / "models.json").write_text(json.dumps(entries, indent=1) + "\n")
        (page / "offline.js").write_text(_offline(page))


def _gates(network: Network) -> str:
    """Those of kernels once, and how often all are applied."""
    if network.n_distinct == network.n_gates:
        return f"{network.n_gates:,}"
    return f"{network.n_distinct:,}, applied {network.n_gates:,} times"


def _offline(page: Path) -> str:
    """The service worker, which keeps the files of the page; another content is another worker."""
    files = sorted(path for path in page.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    names = ["./", *(path.relative_to(page).as_posix() for path in files if not KEPT_LATER.search(path.name))]
    text = (HERE / "page" / "offline.js.in").read_text()
    return text.replace("@{digest}", digest.hexdigest()[:16]).replace("@{files}", json.dumps(names, indent=2))


def _shipped_models() -> list[str]:
    """Those of the data sets that a page can be drawn for."""
    return sorted(path.parent.name for path in MODELS.glob("*/model.onnx") if path.parent.name.startswith(tuple(DATA)))


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the page that reads drawn digits.")
    parser.add_argument("folder", nargs="?", type=Path, default=OUTPUT, help="where the page goes")
    parser.add_argument("--models", nargs="+", default=SHIPPED, metavar="NAME", help="of examples/models")
    options = parser.parse_args()
    try:
        write_page(options.folder, options.models)
    except LgnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.folder} is the page; look at it: python -m http.server -d {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
