"""Telemetry for TensorBoard, where it is installed: what `history.csv` has, and the gradients of every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from lgn_edge.errors import InputError
from lgn_edge.nn import LogicGateNetwork
from lgn_edge.training.evaluation import gradient_norms
from lgn_edge.training.telemetry import Epoch

Record = Callable[[Epoch, LogicGateNetwork], None]


def require_tensorboard() -> None:
    """Refuse what is not installed.

    Raises:
        InputError: there is no TensorBoard.
    """
    if find_spec("tensorboard") is None:
        raise InputError("TensorBoard is not installed; pip install tensorboard, or leave it to history.csv")


@contextmanager
def event_file(folder: Path, done: int) -> Iterator[Record]:
    """Within the block, what it gives adds an epoch that the model has just trained to an event file.

    Args:
        folder: for event files; one is added.
        done: epochs that the run has already; later ones in older files, of a run that was cut off, are void.
    """
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), purge_step=done + 1) as writer:

        def record(epoch: Epoch, model: LogicGateNetwork) -> None:
            figures: dict[str, float | None] = {
                "loss": epoch.loss,
                "learning rate": epoch.learning_rate,
                "accuracy/soft": epoch.soft_accuracy,
                "accuracy/hard": epoch.hard_accuracy,
                "accuracy/gap": epoch.gap,
                "gates/undecided": epoch.undecided,
                "gates/constant": epoch.constant,
                "channels/varying": epoch.varying,
            }
            figures |= {f"gradient/layer {i}": norm for i, norm in enumerate(gradient_norms(model))}
            for name, value in figures.items():
                if value is None:
                    continue
                writer.add_scalar(name, value, epoch.epoch)
            writer.flush()

        yield record
