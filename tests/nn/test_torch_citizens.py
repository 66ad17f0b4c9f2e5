"""What torch and its users do with any module works with ours, and never ends the process."""

from __future__ import annotations

import copy
import io
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

import lgn_edge
from lgn_edge.errors import InputError
from lgn_edge.nn import GroupSum, LogicDense, LogicGateNetwork, LookupDense, Threshold, discretise
from lgn_edge.nn.kernels import cpu, cpu_operators
from lgn_edge.nn.parametrization import PARAMETRIZATIONS
from lgn_edge.training import load_checkpoint, save_checkpoint

ROOT = Path(__file__).parents[2]
ESTIMATORS = ("soft", "hard")
TRACE_IS_OLD = "ignore:`torch.jit:DeprecationWarning"

with_kernels = pytest.mark.skipif(cpu.missing() is not None, reason=f"no compiled kernels: {cpu.missing()}")


def network(estimator: str = "hard", *, wiring: str = "random", parametrization: str = "light") -> LogicGateNetwork:
    encoder = Threshold(6, np.arange(24) % 6, np.arange(24, dtype=np.float32) / 32)
    options = {"estimator": estimator, "parametrization": parametrization}
    layers = [LogicDense(24, 40, wiring=wiring, candidates=5, seed=1, **options)]
    if parametrization == "light":
        layers.append(LookupDense(40, 40, arity=3, estimator=estimator, seed=2))
    return LogicGateNetwork(encoder, [*layers, LogicDense(40, 30, seed=3, **options)], GroupSum(30, 3, 2.0, 0.5))


def samples(n: int = 37) -> Tensor:
    return torch.rand(n, 6, generator=torch.Generator().manual_seed(n))


def gradients(model: nn.Module, x: Tensor) -> list[Tensor]:
    model.zero_grad()
    y = model(x)
    y.square().sum().backward()
    return [y.detach(), *(parameter.grad.clone() for parameter in model.parameters())]


def equal(got: list[Tensor], expected: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(got, expected, strict=True))


# Operators.


def operator_calls() -> Iterator[tuple[Callable[..., object], tuple[object, ...]]]:
    generator = torch.Generator().manual_seed(1)
    wires = torch.randint(9, (3, 7), generator=generator, dtype=torch.int32)
    a, b, entries = wires[0], wires[1], wires.t().contiguous()
    x = torch.rand(2, 9, 16, generator=generator, requires_grad=True)
    soft = torch.rand(7, 4, generator=generator, requires_grad=True)
    corners = torch.rand(7, 8, generator=generator, requires_grad=True)
    bits = cpu_operators.pack(torch.rand(20, 9, generator=generator) > 0.5)
    hard = (torch.rand(7, 4, generator=generator) > 0.5).float().requires_grad_()
    candidates = torch.randint(9, (2, 7, 4), generator=generator, dtype=torch.int32)
    share = torch.rand(2, 7, 4, generator=generator, requires_grad=True)
    yield cpu_operators.pack, (torch.rand(20, 9) > 0.5,)
    yield cpu_operators.unpack, (x, bits)
    yield cpu_operators.gates, (x, a, b, soft)
    yield cpu_operators.lookup, (x, entries, corners)
    yield cpu_operators.bit_gates, (x, hard, None, bits, a, b, None)
    yield cpu_operators.bit_gates, (x, hard, share, bits, a, b, candidates)
    yield cpu_operators.count, (x, bits, 3)
    yield cpu_operators.argmax, (torch.rand(3, 5),)


@with_kernels
def test_operators_are_what_torch_expects_of_operators() -> None:
    for function, arguments in operator_calls():
        torch.library.opcheck(function, arguments)


@with_kernels
def test_kernels_refuse_memory_of_another_type() -> None:
    x, wires, coefficients = torch.rand(1, 4, 16), torch.zeros(2, dtype=torch.int32), torch.zeros(2, 4)
    with pytest.raises(Exception, match=r"the kernel reads contiguous torch\.float32"):
        cpu_operators.gates(x, wires, wires, coefficients.to(torch.bfloat16))
    with pytest.raises(Exception, match=r"the kernel reads contiguous torch\.int32"):
        cpu_operators.gates(x, wires.long(), wires, coefficients)


@with_kernels
def test_a_gradient_of_a_gradient_is_refused() -> None:
    model = network("soft").train()
    found = torch.autograd.grad(model(samples()).square().sum(), list(model.parameters()), create_graph=True)
    with pytest.raises(RuntimeError, match="no gradient of a gradient"):
        sum(one.square().sum() for one in found).backward()


@pytest.mark.parametrize("leaf", ["weight", "input"])
@with_kernels
def test_a_gradient_of_a_gradient_is_refused_on_every_way(leaf: str) -> None:
    layer, signals = LogicDense(60, 64), torch.rand(5, 60, requires_grad=True)
    wanted = layer.weight if leaf == "weight" else signals
    (found,) = torch.autograd.grad(layer(signals).square().sum(), wanted, create_graph=True)
    with pytest.raises(RuntimeError, match="no gradient of a gradient"):
        torch.autograd.grad(found.sum(), wanted, allow_unused=True)


@pytest.mark.parametrize("name", ["a", "wires"])
def test_wires_that_lead_nowhere_are_refused(name: str) -> None:
    layer = LogicDense(4, 3, seed=1) if name == "a" else LookupDense(4, 3, arity=3, seed=1)
    getattr(layer, name).view(-1)[0] = 1_000_000
    model = LogicGateNetwork(Threshold.bits(4), [layer], GroupSum(3, 1)).eval()
    with pytest.raises(InputError, match="wires lead to inputs 0 to 1000000 of 0 to 3"):
        model(torch.zeros(2, 4, dtype=torch.uint8))


# Tensors without values.


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
@pytest.mark.parametrize(("estimator", "wiring"), [("soft", "random"), ("hard", "learned")])
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


# Inference mode.


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


# Copies, processes and files.


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


# Shapes and types of signals.


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("axes", [(), (0,), (5,), (2, 3), (2, 0, 3), (2, 1, 4)])
def test_any_leading_axes(axes: tuple[int, ...], estimator: str) -> None:
    x = torch.rand(*axes, 6)
    flat = x.reshape(-1, 6)
    model = network(estimator).train()
    assert torch.equal(model(x), model(flat).reshape(*axes, 3))
    assert torch.equal(model.eval().predict(x), model.predict(flat).reshape(axes))
    value = model.encoder(x)
    for module in (*model.layers, model.head):
        expected = module(value.reshape(-1, value.shape[-1]))
        value = module(value)
        assert torch.equal(value, expected.reshape(*axes, -1) if value.numel() else value)
        assert value.shape == (*axes, expected.shape[-1])


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_bools_and_whole_numbers_are_bits(dtype: torch.dtype, estimator: str) -> None:
    bits = torch.rand(20, 24) > 0.5
    given = bits if dtype == torch.bool else bits.to(dtype) * 255  # set is what is not 0
    model = network(estimator).train()
    for module in (model.layers[0], LookupDense(24, 6, arity=3, estimator=estimator, seed=1), GroupSum(24, 3)):
        assert torch.equal(module(given), module(bits.float()))
    expected = model.logits(bits.float())
    assert torch.equal(model.logits(given), expected)
    with cpu.switched_off():
        torch.testing.assert_close(model.logits(given), expected)


def test_samples_of_a_type_that_loses_nothing() -> None:
    model = network().eval()
    x = samples().to(torch.bfloat16)
    assert torch.equal(model(x), model(x.float()))
    bits = torch.rand(9, 4) > 0.5
    assert torch.equal(Threshold.bits(4)(bits), bits.float())
    with pytest.raises(InputError, match=r"samples are float64 \[37, 6\]; the model takes float32"):
        model(samples().double())


def test_signals_of_another_width_are_refused() -> None:
    model = network()
    with pytest.raises(InputError, match=r"signals have shape \[2, 23\]; it reads \[..., 24\]"):
        model.logits(torch.zeros(2, 23))
    with pytest.raises(InputError, match=r"signals have shape \[\]; it reads \[..., 30\]"):
        model.head(torch.tensor(1.0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_models_in_another_type_export_what_they_compute(
    dtype: torch.dtype, parametrization: str, tmp_path: Path
) -> None:
    model = network(parametrization=parametrization).to(dtype)
    with torch.no_grad():
        for layer in model.logic:
            layer.weight.copy_(torch.randint(-2, 3, layer.weight.shape))  # ties and zeros
    gradients(model.train(), samples())
    expected = model.eval().scores(samples())
    written = lgn_edge.export(model, tmp_path / "model.onnx")
    assert np.array_equal(written.evaluate(samples().numpy()).scores, expected.numpy())
    assert torch.equal(model.float().scores(samples()), expected)
    if dtype != torch.float64:
        save_checkpoint(model.to(dtype), tmp_path / "checkpoint")
        assert discretise(load_checkpoint(tmp_path / "checkpoint")).layers == written.layers


def test_a_type_that_cannot_hold_a_threshold_is_named() -> None:
    model = LogicGateNetwork(Threshold(1, [0], [1e6]), [LogicDense(1, 2)], GroupSum(2, 1)).half()
    with pytest.raises(InputError, match="a threshold is not finite in float16"):
        discretise(model)


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_autocast_leaves_gates_as_they_are(parametrization: str, estimator: str) -> None:
    model = network(estimator, parametrization=parametrization).train()
    expected = gradients(model, samples())
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        y = model(samples())
    y.square().sum().backward()
    assert equal([y.detach(), *(parameter.grad for parameter in model.parameters())], expected)


# Models in something else.


def averaged(model: nn.Module) -> nn.Module:
    average = torch.optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    return average


def sequential(model: LogicGateNetwork) -> nn.Module:
    return nn.Sequential(nn.Flatten(), model.encoder, nn.Sequential(*model.layers, nn.Identity()), model.head)


@pytest.mark.filterwarnings(TRACE_IS_OLD)  # torch.compile itself imports what it warns of
@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, averaged, sequential])
def test_wrapped_models_export(wrap: Callable[[nn.Module], nn.Module], tmp_path: Path) -> None:
    model = network().eval()
    written = lgn_edge.export(wrap(model), tmp_path / "model.onnx")
    assert written.layers == discretise(model).layers
    assert np.array_equal(written.evaluate(samples().numpy()).scores, model.scores(samples()).numpy())


def test_a_sequential_without_an_encoder_takes_bits(tmp_path: Path) -> None:
    model = nn.Sequential(LogicDense(8, 12, seed=1), LogicDense(12, 6, seed=2), GroupSum(6, 2)).eval()
    bits = torch.rand(40, 8) > 0.5
    written = lgn_edge.export(model, tmp_path / "model.onnx")
    assert np.array_equal(written.evaluate(bits.to(torch.uint8).numpy()).scores, model(bits).int().numpy())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.ModuleDict({"net": network()}), "a ModuleDict is no LogicGateNetwork .* give the network in it, its .net"),
        (nn.Sequential(nn.Linear(3, 4), LogicDense(4, 4), GroupSum(4, 2)), "with a Linear .*layers_as_nodes"),
        (nn.Sequential(LogicDense(4, 4), nn.ReLU(), GroupSum(4, 2)), "with a ReLU"),
        (nn.Sequential(LogicDense(4, 4)), "with a LogicDense"),
        (nn.Sequential(), "with a NoneType"),
        (nn.Linear(2, 2), "a Linear is no LogicGateNetwork"),
    ],
)
def test_what_is_no_network_is_refused(model: nn.Module, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        lgn_edge.export(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


# Whole loops.


def test_a_plain_loop_trains_validates_resumes_and_exports(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(256, 16, generator=generator) > 0.5).to(torch.uint8)
    y = (x[:, 0] & x[:, 1]).long()

    def fresh() -> tuple[LogicGateNetwork, torch.optim.Optimizer]:
        options = {"estimator": "hard", "init": "gaussian"}
        layers = [LogicDense(16, 64, seed=1, **options), LogicDense(64, 64, seed=2, **options)]
        model = LogicGateNetwork(Threshold.bits(16), layers, GroupSum(64, 2, 3.0))
        return model, torch.optim.Adam(model.parameters(), lr=0.1)

    def epochs(model: LogicGateNetwork, optimizer: torch.optim.Optimizer, count: int) -> float:
        for _ in range(count):
            with torch.inference_mode():
                accuracy = float((model.eval().predict(x) == y).float().mean())
            model.train()
            for part in torch.arange(len(x)).split(32):
                loss = nn.functional.cross_entropy(model(x[part]), y[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return accuracy

    whole = fresh()
    assert epochs(*whole, 6) > 0.9
    half = fresh()
    epochs(*half, 3)
    torch.save([part.state_dict() for part in half], tmp_path / "half.pt")
    resumed = fresh()
    for part, state in zip(resumed, torch.load(tmp_path / "half.pt"), strict=True):
        part.load_state_dict(state)
    epochs(*resumed, 3)
    assert equal(list(resumed[0].state_dict().values()), list(whole[0].state_dict().values()))
    written = lgn_edge.export(resumed[0], tmp_path / "model.onnx")
    assert np.array_equal(written.evaluate(x.numpy()).scores, resumed[0].eval().scores(x).numpy())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of torch's exporter about torch
def test_the_documented_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        (ROOT / "docs" / "training.md").read_text().partition("## Inside your own torch code")[2].partition("\n## ")[0]
    )
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippets) == 3
    monkeypatch.chdir(tmp_path)
    exec("\n".join(snippets), {})
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "mixed.onnx"}


def test_a_lightning_loop(tmp_path: Path) -> None:
    packages = ROOT / "build" / "lightning"
    if not (packages / ".ready").exists():
        pytest.skip("Lightning is not installed; run: make lightning")
    command = [sys.executable, "-W", "ignore", Path(__file__).with_name("lightning_loop.py"), tmp_path]
    paths = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["exported"]), done.stderr
