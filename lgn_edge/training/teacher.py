"""A trained network as a teacher: what it says of the training samples is a part of what another one learns.

Its logits, divided by a temperature, become shares of the classes by softmax (Hinton et al. 2015). It is asked once,
about the samples as they are, before they are moved and mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from lgn_edge.errors import InputError
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.tables import Table, positive, share, text
from lgn_edge.training.datasets import Dataset
from lgn_edge.training.samples import Samples


@dataclass(frozen=True)
class TeacherRecipe(Table):
    """Whose classes a network learns beside those of the data.

    Attributes:
        checkpoint: folder of the teacher; empty for none.
        weight: of what it says; the rest is that of the label.
        temperature: divides its logits; a larger one makes the shares of its classes more equal.
    """

    TABLE: ClassVar = "training.teacher"

    checkpoint: str = text("")
    weight: float = share(0.5)
    temperature: float = positive(1.0)


def taught(
    recipe: TeacherRecipe, teacher: LogicGateNetwork, dataset: Dataset, x: NDArray[Any], labels: Tensor
) -> Tensor:
    """What a network learns: shares of the classes float32 [n, classes] that are 1 in all.

    Args:
        recipe: how much the teacher counts.
        teacher: the network of its checkpoint, in evaluation mode.
        dataset: of the samples.
        x: [n, features], some of them.
        labels: int64 [n], theirs, on the device that trains.

    Raises:
        InputError: the teacher does not take these samples, or tells other classes.
    """
    _check(teacher, dataset, recipe.checkpoint)
    teacher = teacher.to(labels.device)
    samples = Samples(teacher.encoder, x, labels.cpu().numpy(), once=False)
    with torch.no_grad():
        logits = torch.cat([teacher.logits(samples.bits(part)) for part in samples.parts()])
    said = (logits / recipe.temperature).softmax(1)
    return torch.lerp(one_hot(labels, said.shape[1]).to(said.dtype), said, recipe.weight)


def _check(teacher: LogicGateNetwork, dataset: Dataset, folder: str) -> None:
    """Refuse a teacher of other samples or classes."""
    takes = teacher.encoder.n_features, teacher.encoder.input_dtype, teacher.head.classes
    gets = dataset.train_x.shape[1], dataset.input_dtype, len(dataset.class_names)
    if takes != gets:
        raise InputError(
            f"teacher {folder}: it takes {takes[0]} {takes[1]} features and tells {takes[2]} classes, but"
            f" {dataset.name} has {gets[0]} {gets[1]} features and {gets[2]} classes"
        )
    if teacher.class_names and teacher.class_names != dataset.class_names:
        raise InputError(
            f"teacher {folder}: its classes are {', '.join(teacher.class_names)}, those of {dataset.name}"
            f" {', '.join(dataset.class_names)}"
        )
