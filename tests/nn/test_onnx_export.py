"""torch.onnx.export gives one node of the domain a layer, the same bits, and nothing of the author's machine."""

from __future__ import annotations

import getpass
import io
import platform
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import ModelProto, checker
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from lgn_edge.errors import InputError
from lgn_edge.nn import (
    GroupSum,
    LogicConv2d,
    LogicDense,
    LogicGateNetwork,
    LookupDense,
    OrPool2d,
    Threshold,
    onnx_export,
)
from lgn_edge.nn.logic_layer import LogicLayer
from tests.thinning import few

pytest.importorskip("onnxscript", reason="torch.onnx.export needs onnxscript: pip install 'lgn-edge[train]'")
pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]


class Above(nn.Module):
    """Real values to bits, by an ordinary op."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(torch.float32)


class Residual(nn.Module):
    """Two logic layers whose bits both reach the end, and signals that are read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = LogicDense(9, 12, seed=1)
        self.second = LogicDense(12, 12, seed=2, parametrization="raw")
        self.head = GroupSum(12, 4, tau=2.0, beta=-1.0)

    def forward(self, x: Tensor) -> Tensor:
        bits = self.first(x)
        return torch.cat([self.head(self.second(bits)), bits], dim=1)


def encoder() -> Threshold:
    return Threshold(4, [0, 1, 2, 3, 0, 1], [0.5, 0.0, -0.5, 0.25, -1.0, 1.0])


def small_network() -> LogicGateNetwork:
    return LogicGateNetwork(
        encoder(), [LogicDense(6, 20, seed=1), LogicDense(20, 21, seed=2)], GroupSum(21, 3, tau=3.0, beta=0.5)
    )


def image_layers() -> list[LogicLayer]:
    return [
        LogicConv2d(1, 3, 3, padding=(1, 0), image_size=(4, 5), seed=1),
        OrPool2d(2, 2, (0, 1), in_channels=3, image_size=(4, 3)),
    ]


MOST = "a head inside a larger model"
MODELS = {
    # name: module, features, nodes of the domain
    "a head inside a larger model": (
        lambda: nn.Sequential(
            nn.Linear(5, 20),
            Above(),
            LogicDense(20, 33, seed=1),
            LogicDense(33, 30, seed=2),
            GroupSum(30, 6),
            nn.ReLU(),
        ),
        5,
        ["Threshold", "LogicLayer", "LogicLayer", "GroupSum"],
    ),
    "a network": (small_network, 4, ["Threshold", "LogicLayer", "LogicLayer", "GroupSum"]),
    "a network inside": (
        lambda: nn.Sequential(small_network(), nn.Softmax(1)),
        4,
        ["Threshold", "LogicLayer", "LogicLayer", "GroupSum"],
    ),
    "bits for ordinary layers": (
        lambda: nn.Sequential(encoder(), LogicDense(6, 20, seed=1), nn.Flatten(), nn.Hardtanh()),
        4,
        ["Threshold", "LogicLayer"],
    ),
    "bits read twice": (
        lambda: nn.Sequential(Above(), Residual()),
        9,
        ["Threshold", "LogicLayer", "LogicLayer", "GroupSum"],
    ),
    "gates of three inputs": (
        lambda: nn.Sequential(encoder(), LookupDense(6, 8, arity=3, seed=3, init_shift=0.1), GroupSum(8, 2)),
        4,
        ["Threshold", "LogicLayer", "LogicLayer", "LogicLayer", "GroupSum"],
    ),
    "images": (
        lambda: nn.Sequential(Above(), nn.Unflatten(1, (1, 4, 5)), *image_layers(), nn.Flatten(), GroupSum(12, 3)),
        20,
        ["Threshold", "LogicConv2d", "OrPool2d"],  # the sum reads what Flatten makes
    ),
    "a network that reads several": (
        lambda: LogicGateNetwork(
            Threshold(20, range(20), [0.0] * 20),
            [*image_layers(), LogicDense(12 + 20, 9, seed=2)],
            GroupSum(9, 3),
            reads=[(0,), (1,), (2, 0)],
        ),
        20,
        ["Threshold", "LogicConv2d", "OrPool2d", "Threshold", "LogicLayer", "GroupSum"],
    ),
    "a sum of no bits": (lambda: nn.Sequential(encoder(), nn.Sigmoid(), GroupSum(6, 2)), 4, ["Threshold"]),
}


def exported(model: nn.Module, features: int, samples: int = 70) -> ModelProto:
    return exported_for(model, torch.randn(samples, features))


def exported_for(model: nn.Module, x: torch.Tensor) -> ModelProto:
    with onnx_export.layers_as_nodes(model):
        program = torch.onnx.export(
            model, (x,), dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("N")},)
        )
    return onnx_export.to_model(program)


@pytest.mark.parametrize("name", few(tuple(MODELS), MOST))
def test_one_node_a_layer_and_the_same_bits(name: str) -> None:
    torch.manual_seed(0)
    make, features, nodes = MODELS[name]
    module = make().eval()
    model = exported(module, features)
    assert sorted(n.op_type for n in model.graph.node if n.domain == "ai.lgn") == sorted(nodes)
    assert {f.name for f in model.functions} == set(nodes)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    reference = ReferenceEvaluator(model)
    for n in (0, 1, 63, 64, 65, 130):
        x = torch.randn(n, features)
        with torch.no_grad():
            want = module(x).numpy()
        for run in (session.run, reference.run):
            (got,) = run(None, {model.graph.input[0].name: x.numpy()})
            if name == "a network inside":  # a softmax rounds as it likes
                np.testing.assert_allclose(got, want, rtol=1e-6)
            else:
                np.testing.assert_array_equal(got, want)


def test_nothing_of_the_machine_is_in_the_file(tmp_path: Path) -> None:
    model = small_network().eval()
    with onnx_export.layers_as_nodes(model):
        program = torch.onnx.export(
            model, (torch.randn(70, 4),), dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim("N")},)
        )
    before = program.model_proto.SerializeToString()
    assert b".py" in before  # what is looked for can be found
    onnx_export.save(program, tmp_path / "m.onnx")
    data = (tmp_path / "m.onnx").read_bytes()
    root = Path(__file__).parents[2]
    for trace in (".py", "Traceback", "File ", "lgn_edge", "stack_trace", str(root), str(Path.home()), platform.node()):
        assert trace.encode() not in data, trace
    if len(getpass.getuser()) > 4:
        assert getpass.getuser().encode() not in data
    assert onnx.load(tmp_path / "m.onnx").functions[0].doc_string


def test_the_model_is_itself_again() -> None:
    model = small_network().eval()
    x = torch.randn(9, 4)
    want = model(x)
    with pytest.raises(KeyError), onnx_export.layers_as_nodes(model):
        raise KeyError
    assert torch.equal(model(x), want)
    assert not any("forward" in module.__dict__ for module in model.modules())


def test_layers_in_training_are_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 6), LogicDense(6, 6)).train()
    with pytest.raises(InputError, match="'1' is in training mode; call eval"), onnx_export.layers_as_nodes(model):
        pass


def test_a_model_without_our_layers_is_refused() -> None:
    with pytest.raises(InputError, match="the Linear has no logic layer"), onnx_export.layers_as_nodes(nn.Linear(1, 1)):
        pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("inner", [nn.Linear(4, 2), nn.Identity()])
def test_layers_as_nodes_takes_one_exporter(inner: nn.Module) -> None:
    model = nn.Sequential(Threshold.bits(8), LogicDense(8, 4, seed=1), inner).eval()
    x = torch.zeros(3, 8, dtype=torch.uint8)
    expected = model(x)
    ways = {
        "the old exporter": lambda: torch.onnx.export(model, (x,), io.BytesIO(), dynamo=False),
        "a call": lambda: model(x),
    }
    for way in ways.values():
        with (
            pytest.raises(InputError, match=r"only exported, by torch.onnx.export\(..., dynamo=True\)"),
            onnx_export.layers_as_nodes(model),
        ):
            way()
        assert torch.equal(model(x), expected)


def test_an_encoder_that_compares_differences() -> None:
    threshold = Threshold(5, [0, 1, 2, 3, 4, 0], [-20, 0, 7, 128, 3, 40], "uint8", [4, 0, -1, 2, -1, 3])
    model = LogicGateNetwork(threshold, [LogicDense(6, 9, seed=1)], GroupSum(9, 3)).eval()
    file = exported_for(model, torch.randint(0, 256, (70, 5), dtype=torch.uint8))
    assert [node.op_type for node in file.graph.node if node.domain] == [
        "ThresholdDifference",
        "LogicLayer",
        "GroupSum",
    ]
    session = onnxruntime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).integers(0, 256, (65, 5)).astype(np.uint8)
    (logits,) = session.run(None, {session.get_inputs()[0].name: x})
    assert np.array_equal(logits, model(torch.from_numpy(x)).detach().numpy())
