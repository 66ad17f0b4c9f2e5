"""Models are traced, exported, compiled and transformed, and are themselves afterwards."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork
from tests.nn.networks import ESTIMATORS, TRACE_IS_OLD, equal, gradients, network, samples, with_kernels
from tests.thinning import exhaustive


@pytest.mark.filterwarnings(TRACE_IS_OLD)
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("training", [False, True])
def test_traces(estimator: str, training: bool) -> None:
    model = network(estimator).train(training)
    traced = torch.jit.trace(model, (samples(),))
    torch.testing.assert_close(traced(samples(11)), model(samples(11)))
    file = io.BytesIO()
    torch.jit.save(traced, file)
    assert b"lgn_edge::" not in file.getvalue()  # it runs where lgn-edge is not installed


@pytest.mark.filterwarnings(TRACE_IS_OLD)
def test_a_wiring_that_is_learned_is_not_recorded_while_it_trains() -> None:
    model = LogicGateNetwork(network().encoder, [LogicDense(24, 30, wiring="learned")], GroupSum(30, 3)).train()
    for record in (torch.jit.trace, torch.export.export):
        with pytest.raises(InputError, match=r"mixes all candidates of a gate, .*; call eval\(\) first"):
            record(model, (samples(),))
    torch.jit.trace(model.eval(), (samples(),))
    torch.export.export(model, (samples(),))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_old_onnx_export() -> None:
    model, file = network().eval(), io.BytesIO()
    options = {"input_names": ["x"], "dynamic_axes": {"x": {0: "N"}}}
    torch.onnx.export(model, (samples(),), file, dynamo=False, **options)
    session = onnxruntime.InferenceSession(file.getvalue())
    assert np.array_equal(session.run(None, {"x": samples(5).numpy()})[0], model(samples(5)).detach().numpy())


@pytest.mark.filterwarnings(TRACE_IS_OLD)
def test_graphs_for_tensorboard(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard", reason="TensorBoard is not installed")
    with tensorboard.SummaryWriter(str(tmp_path)) as writer:
        writer.add_graph(network(), samples())
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize("strict", [False, True])
def test_torch_export(strict: bool) -> None:
    model = network().eval()
    shapes = ({0: torch.export.Dim("N")},)
    program = torch.export.export(model, (samples(),), dynamic_shapes=shapes, strict=strict)
    assert "lgn_edge" not in str(program.graph)
    assert torch.equal(program.module()(samples(5)), model(samples(5)))
    gradients(model.train(), samples())  # and the model is itself again


@with_kernels
@pytest.mark.parametrize(
    ("estimator", "wiring"), [pytest.param("soft", "random", marks=exhaustive), ("hard", "learned")]
)
def test_torch_compile_keeps_the_bits_of_the_kernels(estimator: str, wiring: str) -> None:
    model = network(estimator, wiring=wiring)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True, dynamic=True)
    for n in (37, 20):
        expected = gradients(model.train(), samples(n))
        assert equal(gradients(compiled, samples(n)), expected)
    with torch.no_grad():
        assert torch.equal(compiled.eval()(samples()), model.eval()(samples()))
    torch.compiler.reset()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fake_tensors_leave_nothing_behind(estimator: str) -> None:
    model = network(estimator).train()
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert model(torch.rand(9, 6)).shape == (9, 3)
    with FakeTensorMode() as mode:
        state = {name: mode.from_tensor(tensor) for name, tensor in model.state_dict(keep_vars=True).items()}
        torch.func.functional_call(model, state, (torch.rand(9, 6),)).sum().backward()
    assert equal(gradients(model, samples()), gradients(network(estimator).train(), samples()))


@pytest.mark.parametrize("training", [False, True])
def test_meta_tensors(training: bool) -> None:
    model = network().to("meta").train(training)
    assert model(torch.rand(9, 6, device="meta")).shape == (9, 3)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradients_of_single_samples_by_torch_func(estimator: str) -> None:
    model, x = network(estimator).train(), samples()

    def loss(parameters: dict[str, Tensor], sample: Tensor) -> Tensor:
        return torch.func.functional_call(model, parameters, (sample,)).square().sum()

    found = torch.func.vmap(torch.func.grad(loss), (None, 0))(dict(model.named_parameters()), x)
    for (name, _), expected in zip(model.named_parameters(), gradients(model, x)[1:], strict=True):
        torch.testing.assert_close(found[name].sum(0), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.filterwarnings(TRACE_IS_OLD)
@pytest.mark.parametrize("part", ["network", "Sequential", "encoder", "layers.0", "layers.1", "head"])
def test_scripting_is_refused_with_the_other_ways(part: str) -> None:
    model = network("hard")
    scripted = {"network": model, "Sequential": torch.nn.Sequential(torch.nn.Linear(2, 24), model.layers[0])}
    with pytest.raises(InputError, match=r"torch.jit.script cannot take a .*; use torch.jit.trace, torch.export or"):
        torch.jit.script(scripted[part] if part in scripted else model.get_submodule(part))
    gradients(model.train(), samples())
