"""Models are made in inference mode, copied, saved, loaded, and used in other processes."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicConv2d, LogicDense, LogicGateNetwork, LookupDense, OrPool2d, Threshold
from lgn_edge.nn.module import EXTRA, tensors_of
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


def pooled(**options: object) -> LogicConv2d:
    settings = {"kernel_size": 3, "stride": 1, "padding": 1, "image_size": 6, "depth": 2, "seed": 1}
    return LogicConv2d(1, 2, **{**settings, **options})


# Two modules whose states have the same names and shapes, and what differs.
MEANINGS: list[tuple[Callable[[], nn.Module], Callable[[], nn.Module], str]] = [
    (
        lambda: LogicDense(6, 4, parametrization="light"),
        lambda: LogicDense(6, 4, parametrization="light-sine"),
        "LogicDense with parametrization 'light', and this one has 'light-sine'",
    ),
    (
        lambda: LogicDense(6, 4, parametrization="walsh"),
        lambda: LogicDense(6, 4, parametrization="light"),
        "with parametrization 'walsh', and this one has 'light'",
    ),
    (
        lambda: LookupDense(6, 4, arity=3),
        lambda: LookupDense(6, 4, arity=3, parametrization="light-sine"),
        "LookupDense with parametrization 'light', and",
    ),
    (lambda: LogicDense(6, 4), lambda: LogicDense(7, 4), "with in_features 6, and this one has 7"),
    (pooled, lambda: pooled(padding=0), r"LogicConv2d with padding \[1, 1\], and this one has \[0, 0\]"),
    (pooled, lambda: pooled(image_size=7), r"with image_size \[6, 6\], and this one has \[7, 7\]"),
    (lambda: OrPool2d(2, in_channels=1, image_size=4), lambda: OrPool2d(4, in_channels=1, image_size=4), "kernel_size"),
    (
        lambda: chained(()),
        lambda: chained([(0,), (0,)]),
        r"with reads \[\[0\], \[1\]\], and this one has \[\[0\], \[0\]\]",
    ),
]


def chained(reads: Sequence[tuple[int, ...]]) -> LogicGateNetwork:
    return LogicGateNetwork(Threshold.bits(6), [LogicDense(6, 6), LogicDense(6, 6)], GroupSum(6, 2), reads=reads)


@pytest.mark.parametrize(("one", "other", "message"), MEANINGS)
@pytest.mark.parametrize("through", ["memory", "torch", "safetensors", "sequential"])
def test_a_state_of_another_meaning_is_refused(
    one: Callable[[], nn.Module], other: Callable[[], nn.Module], message: str, through: str, tmp_path: Path
) -> None:
    """The same numbers would be other gates, without a word."""
    saved, loading = one(), other()
    if through == "sequential":
        saved, loading = nn.Sequential(saved), nn.Sequential(loading)
    state = saved.state_dict()
    if through == "torch":
        torch.save(state, tmp_path / "state.pt")
        state = torch.load(tmp_path / "state.pt", weights_only=True)
    elif through == "safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "state")
        state = load_file(tmp_path / "state")
    for strict in (True, False):
        with pytest.raises(InputError, match=f"{message}.*: the same numbers mean something else; make it with "):
            loading.load_state_dict(state, strict=strict)
    again = nn.Sequential(one()) if through == "sequential" else one()
    again.load_state_dict(state)
    assert equal(list(again.state_dict().values()), list(saved.state_dict().values()))


@pytest.mark.parametrize(("make", "_", "__"), MEANINGS)
def test_a_state_of_before_is_loaded(make: Callable[[], nn.Module], _: object, __: str) -> None:
    old = tensors_of(make())
    assert not [name for name in old if "extra" in name]
    loading = make()
    loading.load_state_dict(old)
    assert equal(list(tensors_of(loading).values()), list(old.values()))


def test_a_state_may_learn_on_in_another_way() -> None:
    state = LogicDense(6, 4, wiring="unique", estimator="soft", init="residual", seed=1).state_dict()
    LogicDense(6, 4, wiring="random", estimator="hard", init="gaussian", temperature=2.0).load_state_dict(state)


@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        (
            {"wiring": "learned", "candidates": 4},
            {},
            "learns its wiring, and this one has the wiring 'random'; make it ",
        ),
        ({"wiring": "learned", "candidates": 4}, {}, "with wiring='learned' and candidates=4$"),
        ({}, {"wiring": "learned"}, "with fixed wires, and this one learns its wiring; make it with wiring='random'"),
        (
            {"wiring": "learned", "candidates": 3},
            {"wiring": "learned", "candidates": 4},
            "with 3 candidates for an input, and this one has 4; make it with candidates=3$",
        ),
    ],
)
@pytest.mark.parametrize("make", [lambda **wiring: LogicDense(6, 4, **wiring), pooled])
def test_a_state_of_other_wiring_is_refused(
    make: Callable[..., nn.Module], theirs: dict[str, Any], ours: dict[str, Any], message: str
) -> None:
    for wrapped in (lambda layer: layer, nn.Sequential):
        saved, loading = wrapped(make(**theirs)), wrapped(make(**ours))
        for state in (saved.state_dict(), tensors_of(saved)):  # of a checkpoint, too, which says its meaning elsewhere
            with pytest.raises(InputError, match=message):
                loading.load_state_dict(state)


def test_a_damaged_meaning_is_refused() -> None:
    layer = LogicDense(6, 4)
    for value in (torch.ones(3, dtype=torch.uint8), torch.ones(2), "light", None):
        with pytest.raises(InputError, match="the state of a LogicDense is damaged"):
            layer.load_state_dict(layer.state_dict() | {EXTRA: value})


@pytest.mark.parametrize("wiring", ["random", "unique", "learned"])
def test_modules_are_made_on_the_device_that_torch_makes_tensors_on(wiring: str) -> None:
    def make() -> LogicGateNetwork:
        encoder = Threshold.thermometer(torch.rand(9, 4, device="cpu").numpy(), 3)
        layers = [LogicDense(encoder.out_features, 30, wiring=wiring, seed=1), LookupDense(30, 30, arity=3, seed=2)]
        return LogicGateNetwork(encoder, layers, GroupSum(30, 3))

    model = make().eval()
    with torch.device("meta"):
        empty, pool = make().eval(), OrPool2d(2, in_channels=1, image_size=4)
    assert {tensor.device.type for tensor in tensors_of(empty).values()} == {"meta"}
    assert "tau=?" in repr(empty)
    assert not tensors_of(pool)
    assert empty(torch.empty(5, 4, device="meta")).shape == (5, 3)
    x = torch.rand(5, 4)
    for assign in (False, True):
        filled = copy.deepcopy(empty)
        if not assign:
            filled.to_empty(device="cpu")
        filled.load_state_dict(model.state_dict(), assign=assign)
        assert torch.equal(filled(x), model(x))


def test_what_is_in_no_state_is_refused_where_it_is_followed() -> None:
    """After `to_empty` numbers are anything; kernels would follow wires out of their memory."""
    for wiring in ("random", "learned"):
        layer = LogicDense(24, 30, wiring=wiring, seed=1)
        wires = layer.a if layer.choice is None else layer.choice.candidates
        model = LogicGateNetwork(network().encoder, [layer], GroupSum(30, 3)).eval()
        model(samples())
        wires.fill_(1 << 30)
        for mode in (False, True):
            with pytest.raises(InputError, match=r"wires lead to inputs .*; load its state again"):
                model.train(mode)(samples())
    model = network().eval()
    model.encoder.feature.fill_(-(1 << 30))
    with pytest.raises(InputError, match=r"watches features beyond its .*; load its state again"):
        model(samples())


def test_a_threshold_on_meta_has_no_values_to_go_on_from() -> None:
    with torch.device("meta"):
        encoder = Threshold.bits(4)
        with pytest.raises(InputError, match="have no values on the device meta"):
            encoder.filled(3)


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
