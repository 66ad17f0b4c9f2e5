"""Models are made in inference mode, copied, saved, loaded, and used in other processes."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense
from lgn_edge.training import load_checkpoint, save_checkpoint
from tests.nn.networks import equal, gradients, network, samples


def made(folder: Path) -> LogicGateNetwork:
    model = network()
    model.encoder.learn(torch.ones(24), 0.1)
    return model


def loaded(folder: Path) -> LogicGateNetwork:
    save_checkpoint(made(folder), folder / "checkpoint")
    return load_checkpoint(folder / "checkpoint")


def state_loaded(folder: Path) -> LogicGateNetwork:
    model = network()
    model.load_state_dict(copy.deepcopy(network("soft").state_dict()))
    return model


@pytest.mark.parametrize("make", [made, loaded, state_loaded])
def test_what_was_made_and_run_in_inference_mode_trains(make: Callable[[Path], nn.Module], tmp_path: Path) -> None:
    with torch.inference_mode():
        model = make(tmp_path)
        for mode in (False, True):
            model.train(mode)(samples())
    expected = gradients(make(tmp_path).train(), samples())
    assert equal(gradients(model.train(), samples()), expected)


def test_wires_first_sorted_in_inference_mode_train_on_a_gpu() -> None:
    layer = LookupDense(6, 9, arity=3, seed=1)
    with torch.inference_mode():
        wires = layer._kept(lambda buffers: buffers[0], layer.wires)
        parts = wires.wires, wires.entries, *wires.readers
    assert not any(part.is_inference() for part in parts)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(copied: Callable[[nn.Module], nn.Module]) -> None:
    model = network().train()
    expected = gradients(model, samples())
    assert equal(gradients(copied(model), samples()), expected)


def test_states_go_round() -> None:
    model, other = network(), LogicGateNetwork(network().encoder, [LogicDense(24, 30, seed=9)], GroupSum(30, 3))
    other.load_state_dict(copy.deepcopy(other.state_dict()))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape))
    again = network()
    again.eval()(samples())  # keeps wires
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(samples()), model.eval()(samples()))


class Encoded(torch.utils.data.Dataset[Tensor]):
    """Samples that a network scores in the workers of a DataLoader."""

    def __init__(self, model: LogicGateNetwork, x: Tensor) -> None:
        self.model, self.x = model, x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Tensor:
        return self.model.scores(self.x[i])


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked here")
def test_workers_of_a_data_loader() -> None:
    model, x = network().eval(), samples()
    expected = model.scores(x)
    data = torch.utils.data.DataLoader(Encoded(model, x), batch_size=10, num_workers=2, multiprocessing_context="fork")
    assert torch.equal(torch.cat(list(data)), expected)
