"""Checkpoints: a folder with `model.safetensors` (weights, wiring, encoder, head) and `model.json` (everything else).

A checkpoint that training can go on from also holds `training.safetensors` (the optimiser). A folder is written as a
whole, and reading one never executes anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from lgn_edge._version import __version__
from lgn_edge.checks import any_path, of_kind
from lgn_edge.errors import InputError
from lgn_edge.files import atomic_directory, would_be_lost
from lgn_edge.nn import (
    GroupSum,
    LogicConv2d,
    LogicDense,
    LogicGateNetwork,
    LookupDense,
    OrPool2d,
    Threshold,
)
from lgn_edge.nn.logic_layer import LogicLayer
from lgn_edge.nn.module import tensors_of
from lgn_edge.paths import Wanted, other_than
from lgn_edge.training.recipe import Recipe

FORMAT: Final = "lgn-edge checkpoint"
VERSION: Final = 3
READ: Final = (1, 2, 3)  # in version 1 a recipe was one table (see `flat_recipe`), before 3 layers had no kind
LAYERS: Final[dict[str, type[LogicLayer]]] = {
    kind.KIND: kind for kind in (LogicDense, LookupDense, LogicConv2d, OrPool2d)
}

MODEL_JSON: Final = "model.json"
MODEL_TENSORS: Final = "model.safetensors"
TRAINING_TENSORS: Final = "training.safetensors"

KIND: Final = "checkpoint"  # of the folder, for those who replace it


class DamagedError(InputError):
    """A file of a checkpoint is missing, or not as it was saved.

    Attributes:
        problem: what is wrong, and where.
        mend: what to do about it, where the checkpoint is no part of a run.
    """

    def __init__(self, problem: str, mend: str = "save the checkpoint again") -> None:
        super().__init__(f"{problem}; {mend}")
        self.problem, self.mend = problem, mend


def save_checkpoint(
    model: LogicGateNetwork,
    folder: str | os.PathLike[str],
    *,
    recipe: Recipe | None = None,
    data: Mapping[str, str] | None = None,
    metrics: Mapping[str, float] | None = None,
    optimizer: Mapping[str, Tensor] | None = None,
    force: bool = False,
) -> None:
    """Write a checkpoint; one that is there already, as it was saved, is replaced as a whole.

    Args:
        model: what to save, with its name, class names and provenance.
        folder: where to.
        recipe: how it was trained.
        data: what it was trained on (see `Dataset.fingerprint`).
        metrics: what it reaches.
        optimizer: tensors of the optimiser by name, to go on training from here.
        force: replace a folder whatever is in it.

    Raises:
        InputError: what is in the folder would be lost, or it cannot be written.
    """
    of_kind(model, LogicGateNetwork, "model", "a LogicGateNetwork")
    of_kind(recipe, Recipe | None, "recipe", "a Recipe")
    any_path(folder, "folder")
    document = {
        "format": FORMAT,
        "version": VERSION,
        "name": model.name,
        "class_names": list(model.class_names),
        "encoder": _encoder_config(model.encoder),
        "layers": [{"kind": layer.KIND, **layer.config()} for layer in model.logic],
        "reads": [list(sources) for sources in model.sources],
        "head": {"classes": model.head.classes},
        "recipe": recipe.to_dict() if recipe else None,
        "data": dict(data or {}),
        "metrics": dict(metrics or {}),
        "provenance": dict(model.provenance),
        "versions": {"lgn-edge": __version__, "torch": torch.__version__},
    }
    with atomic_directory(folder, KIND, force=force or _is_unlisted(Path(folder))) as temporary:
        (temporary / MODEL_JSON).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (temporary / MODEL_TENSORS).write_bytes(_pack(tensors_of(model)))
        if optimizer is not None:
            (temporary / TRAINING_TENSORS).write_bytes(_pack(optimizer))


def lost_file(folder: Path) -> Path | None:
    """A file that would be lost if a checkpoint took the place of a folder, or the folder were removed."""
    return None if _is_unlisted(folder) else would_be_lost(folder, KIND)


def _is_unlisted(folder: Path) -> bool:
    """Whether a folder is a checkpoint as earlier versions wrote it, without a list of its files, and nothing else."""
    try:
        names = {path.name for path in folder.iterdir()}
        return names <= {MODEL_JSON, MODEL_TENSORS, TRAINING_TENSORS} and bool(read_document(folder))
    except (OSError, InputError):
        return False


def load_checkpoint(folder: str | os.PathLike[str]) -> LogicGateNetwork:
    """The model of a checkpoint, in evaluation mode.

    Args:
        folder: a checkpoint, or the output folder of `train` (its best model).

    Raises:
        InputError: a file is missing or damaged, the version is unknown, or the tensors do not fit.
    """
    place = _place(folder)
    document = read_document(place)
    tensors = _read_tensors(place / MODEL_TENSORS)
    where = place / MODEL_JSON
    try:
        encoder, head = document["encoder"], document["head"]
        layers = [_layer(config, i, tensors) for i, config in enumerate(document["layers"])]
        model = LogicGateNetwork(
            _encoder(encoder, tensors),
            layers,
            GroupSum(
                layers[-1].out_features,
                head["classes"],
                float(tensors["head.tau"]),
                float(tensors["head.beta"]),
            ),
            name=document["name"],
            class_names=document["class_names"],
            provenance=document["provenance"],
            reads=document.get("reads", ()),
        )
    except KeyError as error:
        raise DamagedError(f"{where}: {error.args[0]} is missing from the checkpoint") from error
    except DamagedError as error:
        raise DamagedError(f"{place}: {error.problem}", error.mend) from error
    except InputError as error:
        raise DamagedError(f"{place}: {error}") from error
    except (TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        raise DamagedError(f"{where}: a field has a wrong type or value ({error})") from error
    wrong = sorted(tensors.keys() - tensors_of(model).keys())
    if wrong:
        raise DamagedError(f"{place / MODEL_TENSORS}: {wrong[0]} belongs to no part of the model")
    model.load_state_dict(tensors)
    return model.eval()


def load_optimizer(folder: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of the optimiser that `save_checkpoint` was given.

    Raises:
        InputError: the checkpoint is damaged, or none to go on from.
    """
    return _read_tensors(Path(folder) / TRAINING_TENSORS)


def read_document(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """`model.json` of a checkpoint: recipe, metrics and what else it says about the model.

    Raises:
        InputError: it is missing, damaged, or of an unknown version.
    """
    path = _place(folder) / MODEL_JSON
    try:
        document = json.loads(_read(path))
    except ValueError as error:
        raise DamagedError(f"{path} is damaged ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DamagedError(f"{path} does not describe a {FORMAT}", "give the folder of a checkpoint")
    if document.get("version") not in READ:
        raise InputError(
            f"{path} has version {document.get('version')!r} of the checkpoint format; this lgn-edge reads versions"
            f" {', '.join(map(str, READ))}: use the lgn-edge that wrote it"
        )
    return document


def _encoder_config(encoder: Threshold) -> dict[str, Any]:
    config: dict[str, Any] = {"n_features": encoder.n_features, "input_dtype": encoder.input_dtype}
    return config if encoder.offset is None else config | {"learned_width": encoder.width}


def _encoder(config: dict[str, Any], tensors: Mapping[str, Tensor]) -> Threshold:
    feature, threshold = (tensors[f"encoder.{name}"].numpy() for name in ("feature", "threshold"))
    minus = tensors["encoder.minus"].numpy() if "encoder.minus" in tensors else None
    encoder = Threshold(config["n_features"], feature, threshold, config["input_dtype"], minus)
    if "learned_width" in config:
        encoder.learn(tensors["encoder.scale"], config["learned_width"])
        offset = tensors["encoder.offset"]
        if offset.shape != encoder.threshold.shape or not bool(torch.isfinite(offset).all()):
            raise DamagedError("encoder: the offsets of its thresholds are no finite numbers")
    return encoder


def _layer(config: dict[str, Any], i: int, tensors: Mapping[str, Tensor]) -> LogicLayer:
    name = config.pop("kind", "lookup" if "arity" in config else "dense")
    if name not in LAYERS:
        raise InputError(f"layer {i} is of kind {name!r}; legal are {', '.join(LAYERS)}")
    kind = LAYERS[name]
    layer = kind(**{name: config[name] for name in kind.CONFIG} | config)
    limits = layer.index_limits()
    for name, expected in tensors_of(layer).items():
        tensor = tensors[f"layers.{i}.{name}"]
        if tensor.shape != expected.shape or tensor.dtype != expected.dtype:
            raise DamagedError(
                f"layer {i}: {name} is {tensor.dtype} {list(tensor.shape)} in {MODEL_TENSORS}, but"
                f" {expected.dtype} {list(expected.shape)} in {MODEL_JSON}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DamagedError(f"layer {i}: a {name} is not finite", "train again with a smaller learning rate")
        if name in limits and bool(((tensor < 0) | (tensor >= torch.tensor(limits[name]))).any()):
            legal = " x ".join(f"0..{limit - 1}" for limit in limits[name])
            raise DamagedError(f"layer {i}: {name} leaves its inputs {legal}")
    return layer


def _place(folder: str | os.PathLike[str]) -> Path:
    place = any_path(folder, "checkpoint", "the path of its folder")
    other = other_than(place, Wanted.CHECKPOINT)
    if other:
        raise DamagedError(f"{place} {other.text}", other.mend(place, Wanted.CHECKPOINT))
    inner = place / "model"
    return inner if (inner / MODEL_JSON).exists() and not (place / MODEL_JSON).exists() else place


def _pack(tensors: Mapping[str, Tensor]) -> bytes:
    packed: bytes = save({name: _kept(tensor.detach().cpu()).contiguous() for name, tensor in tensors.items()})
    return packed


def _kept(tensor: Tensor) -> Tensor:
    """The tensor; the numbers of a model in 16 bits as float32, in which models are loaded."""
    return tensor.to(torch.float32) if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load(_read(path))
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise DamagedError(f"{path} is damaged or cut short ({error})") from error
    return tensors


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedError(
            f"cannot read {path}: {(error.strerror or str(error)).lower()}",
            f"give the folder of a checkpoint, which holds {MODEL_JSON} and {MODEL_TENSORS}",
        ) from error
