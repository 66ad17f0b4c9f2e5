"""Convolutions and pools in torch: kernels against their definition, and networks against the discrete ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lgn_edge.errors import InputError
from lgn_edge.nn import (
    GroupSum,
    LogicConv2d,
    LogicDense,
    LogicGateNetwork,
    LookupDense,
    OrPool2d,
    Threshold,
    discretise,
)
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.gates import collapse
from lgn_edge.nn.kernels import cpu
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from lgn_edge.nn.trees import Trees
from tests.nn.images import choosing, gradients, trees, trees_and_pool, windows
from tests.strategies import random_samples


@given(trees(), st.sampled_from([1, 15, 16, 17, 33, 64, 530]), st.booleans(), st.integers(0, 2**31))
def test_kernels_are_the_definition(case: Trees, batch: int, bits: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    window, (kernels, leaves, _) = case.window, case.leaf.shape
    x = torch.rand(batch, window.n_inputs, generator=generator, dtype=torch.float64)
    corners = torch.rand(kernels * (leaves - 1), 4, generator=generator, dtype=torch.float64)
    if bits:
        x, corners = (x > 0.5).double(), (corners > 0.5).double()

    def fast(x: Tensor, corners: Tensor) -> Tensor:
        x, corners = x.float(), corners.float()
        if bits:
            return Blocks.pack(x).bit_trees(case, collapse(corners)).tensor()
        padded = torch.nn.functional.pad(x, (0, 0, 0, -batch % 16)).reshape(-1, 16, window.n_inputs).transpose(1, 2)
        return Blocks(batch, padded).trees(case, collapse(corners)).tensor()

    def definition(x: Tensor, corners: Tensor) -> Tensor:
        return trees_and_pool(case, x, collapse(corners))

    (got, *slopes), (expected, *their_slopes) = (gradients(f, x, corners) for f in (fast, definition))
    assert torch.equal(got, expected.float()) if bits else torch.allclose(got.double(), expected, atol=1e-6)
    for slope, theirs in zip(slopes, their_slopes, strict=True):
        torch.testing.assert_close(slope, theirs, rtol=1e-3, atol=1e-3)


@given(trees(), st.sampled_from([1, 16, 33, 530]), st.integers(2, 5), st.integers(0, 2**31))
def test_choices_are_the_definition(case: Trees, batch: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    case, share = choosing(case, k, seed)
    kernels, leaves, _ = case.leaf.shape
    x = (torch.rand(batch, case.window.n_inputs, generator=generator) > 0.5).double()
    corners = (torch.rand(kernels * (leaves - 1), 4, generator=generator) > 0.5).double()

    def fast(x: Tensor, corners: Tensor, share: Tensor) -> Tensor:
        return Blocks.pack(x.float()).bit_trees(case, collapse(corners.float()), share.float()).tensor()

    def definition(x: Tensor, corners: Tensor, share: Tensor) -> Tensor:
        return trees_and_pool(case, x, collapse(corners), share)

    (got, *slopes), (expected, *their_slopes) = (gradients(f, x, corners, share) for f in (fast, definition))
    assert torch.equal(got, expected.float())
    for slope, theirs in zip(slopes, their_slopes, strict=True):
        torch.testing.assert_close(slope, theirs, rtol=1e-3, atol=1e-3)


@st.composite
def models(draw: st.DrawFn) -> LogicGateNetwork:
    """Convolutions and pools of odd sizes under a layer that may read any of them."""
    seed = draw(st.integers(0, 2**31))
    parametrization = draw(st.sampled_from(sorted(PARAMETRIZATIONS)))
    estimator = draw(st.sampled_from(["soft", "hard"]))
    gates = {"parametrization": parametrization, "estimator": estimator, "seed": seed}
    channels, height, width = image = [draw(st.integers(1, most)) for most in (4, 7, 7)]
    layers: list = []
    for _ in range(draw(st.integers(1, 4))):
        window = draw(windows(*image))
        geometry = {"stride": window.stride, "padding": window.padding, "image_size": tuple(image[1:])}
        if draw(st.booleans()):
            layers.append(OrPool2d(window.size, in_channels=image[0], **geometry))
        else:
            groups = draw(st.sampled_from([n for n in (1, 2, 3) if image[0] % n == 0]))
            kernels = groups * draw(st.integers(1, 2))
            options = {"depth": draw(st.integers(1, 3)), "channels": draw(st.integers(0, 3)), "groups": groups}
            options |= {"root": draw(st.sampled_from(["residual", "gaussian", "and"]))}
            cells = min(options["channels"] or 9, image[0] // groups) * window.size[0] * window.size[1]
            options |= {"wiring": draw(st.sampled_from(["random", "learned"] if cells > 1 else ["random"]))}
            layers.append(LogicConv2d(image[0], kernels, window.size, **geometry, **options, **gates))
        image = layers[-1].out_shape
    widths = [channels * height * width, *(layer.out_features for layer in layers)]
    sources = draw(st.lists(st.integers(0, len(layers)), min_size=1, unique=True))
    given = sum(widths[source] for source in sources)
    reads = [(i,) for i in range(len(layers))] + [tuple(sources)]
    if given >= 3 and parametrization in ("light", "light-sine") and draw(st.booleans()):
        layers.append(LookupDense(given, 5, arity=3, **gates))  # which becomes several layers
        reads.append((len(layers),))
        given = 5
    layers.append(LogicDense(given, 9, **gates))
    return LogicGateNetwork(Threshold.bits(widths[0]), layers, GroupSum(9, 3, 2.0), reads=reads)


@given(models(), st.sampled_from([0, 1, 63, 65]), st.booleans())
def test_evaluation_mode_is_the_discrete_network(model: LogicGateNetwork, n: int, compiled: bool) -> None:
    network = discretise(model.eval())
    samples = random_samples(network, n)
    expected = torch.from_numpy(network.evaluate(samples).scores)
    if compiled:
        assert model.kernels("cpu") == "compiled"
        assert torch.equal(model.scores(torch.from_numpy(samples)), expected)
    else:
        with cpu.switched_off():
            assert torch.equal(model.scores(torch.from_numpy(samples)), expected)
    assert model.n_distinct >= sum(layer.n_distinct for layer in model.logic)
    if not any(isinstance(layer, LookupDense) for layer in model.logic):
        assert (network.n_gates, network.n_distinct) == (model.n_gates, model.n_distinct)


# learned wiring of real-valued gates has no compiled kernel
@pytest.mark.parametrize(("estimator", "wiring"), [("soft", "random"), ("hard", "random"), ("hard", "learned")])
def test_networks_have_torchs_gradients(estimator: str, wiring: str) -> None:
    gates = {"estimator": estimator, "init": "gaussian"}
    layers = [
        LogicConv2d(2, 6, 3, padding=1, image_size=(7, 6), seed=1, root="gaussian", **gates),
        OrPool2d(2, in_channels=6, image_size=(7, 6)),
        LogicConv2d(6, 4, 2, image_size=3, seed=2, depth=2, root="gaussian", wiring=wiring, **gates),
        LogicDense(84 + 54 + 16, 36, seed=3, wiring=wiring, candidates=5, **gates),
    ]
    reads = [(0,), (1,), (2,), (0, 2, 3)]
    model = LogicGateNetwork(Threshold.bits(84), layers, GroupSum(36, 3, 2.0, 0.5), reads=reads).train()
    assert model.pools == {0: 1}
    x = (torch.rand(50, 84, generator=torch.Generator().manual_seed(3)) > 0.5).to(torch.uint8)

    def run() -> list[Tensor]:
        model.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), torch.arange(50) % 3)
        loss.backward()
        return [loss.detach(), *(parameter.grad for parameter in model.parameters())]

    assert model.kernels("cpu") == "compiled"
    fast = run()
    again = run()
    assert all(torch.equal(one, other) for one, other in zip(fast, again, strict=True))
    with cpu.switched_off():
        for one, other in zip(fast, run(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_leaves_learn_which_cell_they_read() -> None:
    conv = LogicConv2d(3, 2, 2, image_size=4, depth=2, channels=2, wiring="learned", candidates=3, seed=1)
    model = LogicGateNetwork(Threshold.bits(48), [conv], GroupSum(18, 2)).train()
    before = conv.leaves()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    bits = torch.rand(64, 48, generator=torch.Generator().manual_seed(3)) > 0.5
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model.logits(bits), bits[:, 20].long()).backward()
        optimizer.step()
    assert not torch.equal(conv.leaves(), before)
    assert discretise(model).layers[0].leaf.tolist() == conv.leaves().tolist()
    assert all(set(conv.leaves()[k, :, 0].tolist()) <= set(conv.read[k].tolist()) for k in range(2))


def test_a_convolution_that_others_read_is_computed_for_itself() -> None:
    layers = [
        LogicConv2d(1, 2, 1, image_size=4, depth=1, seed=1),
        OrPool2d(2, in_channels=2, image_size=4),
        LogicDense(8 + 32, 6, seed=2),
    ]
    model = LogicGateNetwork(Threshold.bits(16), layers, GroupSum(6, 2), reads=[(0,), (1,), (2, 1)]).eval()
    assert model.pools == {}
    x = (torch.rand(20, 16, generator=torch.Generator().manual_seed(3)) > 0.5).to(torch.uint8)
    written = dict(model.activations(model.encoder.encode(x)))
    assert {i: signals.shape[1] for i, signals in written.items()} == {0: 32, 1: 8, 2: 6}
    pooled = torch.nn.functional.max_pool2d(written[0].reshape(20, 2, 4, 4), 2)
    assert torch.equal(written[1], pooled.flatten(1))


def test_images_and_signals_are_the_same() -> None:
    conv = LogicConv2d(2, 4, 3, padding=1, image_size=(5, 4), seed=1).eval()
    pool = OrPool2d(2, in_channels=4, image_size=(5, 4))
    x = torch.rand(2, 3, 2, 5, 4) > 0.5
    images = pool(conv(x))
    assert images.shape == (2, 3, 4, 2, 2)
    assert torch.equal(images.flatten(-3), pool(conv(x.flatten(-3))))
    assert torch.equal(pool(images.new_zeros(0, 4, 5, 4)), images.new_zeros(0, 4, 2, 2))


def test_a_sequential_is_a_network() -> None:
    parts = [LogicConv2d(1, 4, 3, image_size=6, seed=1), OrPool2d(2, in_channels=4, image_size=4)]
    model = torch.nn.Sequential(*parts, torch.nn.Flatten(), LogicDense(16, 6, seed=2), GroupSum(6, 2)).eval()
    network = discretise(model)
    samples = random_samples(network, 70)
    logits = model((torch.from_numpy(samples).reshape(70, 1, 6, 6) > 0).float())
    assert torch.equal(logits.to(torch.int32), torch.from_numpy(network.evaluate(samples).scores))


def test_leaves_are_of_few_channels_and_all_different() -> None:
    conv = LogicConv2d(12, 18, 3, groups=3, image_size=5, seed=1)
    channel, cells = conv.leaf[:, :, 0], conv.leaf.flatten(0, 1)
    assert all(len(set(row.tolist())) <= 2 for row in channel)
    assert all(len({tuple(cell.tolist()) for cell in kernel}) == 8 for kernel in conv.leaf)
    for group in range(3):
        assert set((channel[6 * group : 6 * group + 6] // 4).unique().tolist()) == {group}
    assert len(cells[:, 0].unique()) == 12  # each channel is read


@pytest.mark.parametrize("parametrization", sorted(PARAMETRIZATIONS))
def test_roots_start_as_and(parametrization: str) -> None:
    conv = LogicConv2d(2, 50, 3, image_size=4, parametrization=parametrization, root="and", seed=1)
    tables = conv.discrete_layers()[0].table
    assert (tables[:, -1] == 1).all()
    assert (tables[:, :-1] == 3).all()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3, 4, 3), {"groups": 2}, r"3 input channels do not divide into 2 groups"),
        ((4, 3, 3), {"groups": 2}, r"3 kernels do not divide into 2 groups"),
        ((4, 4, 7), {"padding": 1}, r"a window of 7 x 7 does not fit into the image of 6 x 6"),
        ((4, 4, 3), {"depth": 9}, r"depth is 9; it must be 1 to 8"),
        ((4, 4, 3), {"root": "or"}, r"root is 'or'; legal are residual, gaussian, and"),
        ((4, 4, 3), {"wiring": "unique"}, r"wiring is 'unique'; legal are random, learned"),
        ((4, 4, 1), {"wiring": "learned", "channels": 1}, r"learned wiring needs 2 to 1 of 1 inputs"),
        ((4, 4, 3), {"channels": -1}, r"channels is -1; it must be at least 0"),
        ((4, 4, 3), {"image_size": (4, 4, 4)}, r"image_size is \(4, 4, 4\); it must be a whole number"),
    ],
)
def test_what_is_refused(arguments: tuple[int, int, int], options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LogicConv2d(*arguments, **{"image_size": 4, **options})


def test_signals_of_another_size_are_refused() -> None:
    conv = LogicConv2d(1, 4, 3, image_size=6, seed=1)
    for x in (torch.zeros(2, 1, 5, 6), torch.zeros(2, 35)):
        with pytest.raises(InputError, match=r"it reads \[..., 36\]"):
            conv(x)
    with pytest.raises(InputError, match=r"network: layer 1 reads 16 signals but gets 64"):
        LogicGateNetwork(Threshold.bits(36), [conv, LogicDense(16, 4)], GroupSum(4, 2))
    with pytest.raises(InputError, match=r"network: layer 0 reads 1; it may read 0 only, the encoder"):
        LogicGateNetwork(Threshold.bits(36), [conv], GroupSum(64, 2), reads=[(1,)])


def test_leaves_of_a_damaged_state_are_not_followed() -> None:
    conv = LogicConv2d(1, 4, 3, image_size=6, seed=1)
    conv(Blocks.pack(torch.zeros(5, 36)))
    conv.leaf[2, 3, 1] = 3
    with pytest.raises(InputError, match="a leaf lies outside of its window"):
        conv(Blocks.pack(torch.zeros(5, 36)))
    for name, beyond in (("choice.candidates", 9), ("read", 1)):
        conv = LogicConv2d(1, 4, 3, image_size=6, wiring="learned", estimator="hard", seed=1)
        conv.get_buffer(name)[1] = beyond
        with pytest.raises(InputError, match="a leaf lies outside of its window"):
            conv(Blocks.pack(torch.zeros(5, 36)))
