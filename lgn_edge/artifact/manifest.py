"""manifest.json: what an artifact is, so that it can be used without the model it came from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lgn_edge.errors import InputError
from lgn_edge.files import sha256
from lgn_edge.paths import Wanted, require

FORMAT = 1
ABI_VERSION = 1
FILE = "manifest.json"
LICENSE = "MIT-0"


@dataclass(frozen=True)
class Manifest:
    """The artifact's interface and origin.

    Attributes:
        name: C identifier of the model; symbols start with `lgn_NAME`.
        target: the name of the target.
        triple: LLVM's name of the platform.
        cpu: LLVM's name of the processor that is needed at least.
        levels: LLVM's names of the processors that kernels were compiled for, the lowest first; the best that a machine
            has is used.
        execution: the emulator's name of the core, or "host" when only a machine of the triple's kind executes it.
        features: elements of a sample.
        input_dtype: "float32" or "uint8".
        bits: signals of packed input.
        classes: scores of a sample: counts of classes, one score, or bits.
        class_names: one a score, or empty; where there are no classes, of the bits or the score.
        tau: `logits = (score + beta) / tau`; None where the scores are bits.
        beta: see tau.
        word_bits: samples in a word of packed input.
        block: samples evaluated together.
        workspace_bytes: memory that a call needs.
        workspace_align: its alignment in bytes.
        model_hash: sha256 of what the network computes (`Network.fingerprint`).
        versions: of the programs that made it.
        files: sha256 of each file, by its path in the folder.
        scale: the greatest feature of the training samples, if they were uint8 and it is known.
        feature_names: one an element of a sample, or empty.
        license: of all of these files, as SPDX names it.
        abi_version: of the C interface.
        format: of this file.
    """

    name: str
    target: str
    triple: str
    cpu: str
    levels: tuple[str, ...]
    execution: str
    features: int
    input_dtype: str
    bits: int
    classes: int
    class_names: tuple[str, ...]
    tau: float | None
    beta: float | None
    word_bits: int
    block: int
    workspace_bytes: int
    workspace_align: int
    model_hash: str
    versions: dict[str, str]
    files: dict[str, str]
    scale: str = ""
    feature_names: tuple[str, ...] = ()
    license: str = LICENSE
    abi_version: int = ABI_VERSION
    format: int = FORMAT

    @property
    def decides(self) -> bool:
        """Whether the first maximum of the scores is the class of a sample."""
        return self.tau is not None and self.classes > 1

    @property
    def needs_workspace(self) -> bool:
        """Whether a call needs memory besides its stack; else `workspace_bytes` is 1, the least that an array has."""
        return self.workspace_bytes > 1

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read and check an artifact's manifest, and that its files are the ones that were written.

    Raises:
        InputError: not an artifact, written by another version, or a file is missing or changed.
    """
    path = require(folder, Wanted.ARTIFACT) / FILE
    try:
        content: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); build the artifact again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("abi_version") != ABI_VERSION:
        found = content.get("format") if isinstance(content, dict) else content
        raise InputError(f"{path} has format {found!r}, this version reads {FORMAT}; build the artifact again")
    try:
        lists = {key: tuple(content[key]) for key in ("levels", "class_names", "feature_names") if key in content}
        manifest = Manifest(**{**content, **lists})
        for name, digest in manifest.files.items():
            if sha256(folder / name) != digest:
                raise InputError(f"{folder / name} is not the file that was built; build the artifact again")
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); build the artifact again") from error
    except OSError as error:
        raise InputError(f"{error.filename} of the artifact is missing; build the artifact again") from error
    return manifest
