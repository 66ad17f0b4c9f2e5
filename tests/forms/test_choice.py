"""What is predicted, chosen and refused before anything is compiled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lgn_edge.artifact import build
from lgn_edge.cli.build import size_in_bytes
from lgn_edge.errors import InputError
from lgn_edge.forms import choice
from lgn_edge.forms.choice import OPTIMIZE, Budget, check_budget, plan
from lgn_edge.forms.form import Form
from lgn_edge.forms.positions.form import PositionsForm
from lgn_edge.forms.positions_straight.form import PositionsStraight
from lgn_edge.forms.prediction import Cost
from lgn_edge.network import GroupSum, LogicConv2d, Network, OrPool2d, Threshold, flatten
from lgn_edge.passes import simplify
from lgn_edge.targets.registry import find_target
from tests.strategies import convolutional_network, random_network
from tests.thinning import combinations

CORES = ("cortex-m0", "cortex-m4", "riscv32")
MODELS = Path(__file__).parents[2] / "examples" / "models"
IMAGE_FORMS = {"positions": PositionsForm(), "positions_straight": PositionsStraight()}
TRUE_GATES = (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)  # those whose output depends on both inputs
NETWORKS = {
    "small": random_network(21, features=32, bits=64, widths=(200, 160), classes=8, input_dtype="uint8"),
    "digits": random_network(22, features=64, bits=135, widths=(1000, 1000), classes=10, input_dtype="uint8"),
    "deep": random_network(
        23, features=30, bits=90, widths=(400, 300, 300, 300), classes=5, input_dtype="uint8", tables=TRUE_GATES
    ),
    "few floats": random_network(24, features=12, bits=24, widths=(60, 48), classes=3),
    "floats": random_network(25, features=50, bits=120, widths=(600, 500), classes=10, tables=TRUE_GATES),
}


@pytest.mark.parametrize(("network", "core"), combinations(NETWORKS, CORES))
def test_predictions_are_within_a_tenth(network: Network, core: str, tmp_path: Path) -> None:
    for optimize in ("speed", "size"):
        report = build(network, core, tmp_path / optimize, optimize=optimize).report
        predicted, measured = report["predicted"][report["form"]], report["measured"]
        assert predicted["flash"] == pytest.approx(measured["flash_bytes"], rel=0.1)
        assert predicted["ram"] == pytest.approx(measured["ram_bytes"] + measured["stack_bytes"], rel=0.1)
        assert predicted["instructions"] == pytest.approx(measured["instructions"], rel=0.1)


@pytest.mark.parametrize("core", CORES)
def test_predictions_of_small_programs_are_within_100_bytes(core: str, tmp_path: Path) -> None:
    report = build(MODELS / "monk-1" / "model.onnx", core, tmp_path / "a").report
    predicted, measured = report["predicted"][report["form"]], report["measured"]
    assert measured["flash_bytes"] < 1000
    assert predicted["flash"] == pytest.approx(measured["flash_bytes"], abs=100)
    assert predicted["ram"] == pytest.approx(measured["ram_with_stack_bytes"], abs=100)
    assert predicted["instructions"] == pytest.approx(measured["instructions"], abs=100)


@pytest.mark.parametrize(("optimize", "core"), combinations(["speed", "size"], CORES))
def test_predictions_of_words_are_within_a_tenth(optimize: str, core: str, tmp_path: Path) -> None:
    network = NETWORKS["digits"]
    report = build(network, core, tmp_path / "a", optimize=optimize, batch=32).report
    predicted, measured = report["predicted"][report["form"]], report["measured"]
    assert predicted["flash"] == pytest.approx(measured["flash_bytes"], rel=0.1)
    assert predicted["ram"] == pytest.approx(measured["ram_bytes"] + measured["stack_bytes"], rel=0.1)
    assert predicted["instructions"] == pytest.approx(measured["instructions"], rel=0.1)


@pytest.mark.parametrize(("form", "core"), combinations(IMAGE_FORMS, CORES))
def test_predictions_of_image_layers_are_within_a_tenth(
    form: Form, core: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "FORMS", (form,))
    report = build(convolutional_network(1), core, tmp_path / "a").report
    predicted, measured = report["predicted"][form.name], report["measured"]
    assert predicted["flash"] == pytest.approx(measured["flash_bytes"], rel=0.1)
    assert predicted["ram"] == pytest.approx(measured["ram_bytes"] + measured["stack_bytes"], rel=0.1)
    assert predicted["instructions"] == pytest.approx(measured["instructions"], rel=0.1)


def chosen(network: Network, optimize: str, core: str = "cortex-m4", **budget: int) -> str:
    circuit, _ = simplify(flatten(network))
    return plan(network, circuit, find_target(core), optimize, Budget(**budget)).form


def test_each_aim_has_its_form() -> None:
    network = NETWORKS["digits"]
    assert chosen(network, "speed") == "straight"
    assert chosen(network, "speed", "cortex-m55") == "straight", "predicted, although no emulator counts"
    assert chosen(network, "size") == "table"
    assert chosen(network, "speed", flash=6 << 10) == "table"
    assert chosen(network, "speed", ram=700) == "table"


def test_image_layers_stay_where_that_is_predicted_to_cost_less() -> None:
    network = convolutional_network(1)
    circuit, _ = simplify(flatten(network))
    planned = plan(network, circuit, find_target("cortex-m4"), "balanced", Budget())
    assert planned.form == "positions_straight"
    known = {form for form, cost in planned.predicted.items() if cost is not None}
    assert known == {"positions_straight", "positions", "table"}
    assert "positions needs " in planned.why
    assert "table needs " in planned.why
    leaf = np.zeros((1, 2, 3), np.int32)
    layer = LogicConv2d(1, 2, 2, 1, leaf, np.full((1, 1), 1, np.uint8))
    tiny = Network(Threshold.bits(4), (layer,), GroupSum(4, 2))
    assert chosen(tiny, "speed") == "straight"


def test_many_kernels_are_code_or_a_table_by_aim_and_budget() -> None:
    rng = np.random.default_rng(0)
    leaf, table = rng.integers(0, (2, 3, 3), (500, 8, 3)), rng.choice(TRUE_GATES, (500, 7))
    conv = LogicConv2d(2, 6, 6, 3, leaf.astype(np.int32), table.astype(np.uint8))
    layers = (conv, OrPool2d(*conv.out_shape, 2))
    network = Network(Threshold.bits(72), layers, GroupSum(layers[-1].n_outputs, 10))
    assert chosen(network, "speed") == "positions_straight"
    assert chosen(network, "size") == "positions"
    assert chosen(network, "speed", flash=20_000) == "positions"
    assert "positions_straight" not in chosen(network, "speed", "atmega2560")


def test_what_does_not_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"does not fit cortex-m4 with 2,048 bytes of flash: table needs [0-9,]+ bytes"
    ):
        build(NETWORKS["digits"], "arm", tmp_path / "x", flash=2048)
    with pytest.raises(InputError, match=r"straight needs [0-9,]+ bytes of flash, [0-9,]+ of RAM, [0-9,]+ instr"):
        build(NETWORKS["digits"], "arm", tmp_path / "x", ram=100)
    assert not list(tmp_path.iterdir())


def test_what_is_measured_must_fit_as_well() -> None:
    budget = Budget(1000, 100)
    check_budget("n", find_target("arm"), "table", Cost(1000, 100, 5), budget)
    with pytest.raises(InputError, match="table needs 1,001 bytes of flash, 100 of RAM, 5 instructions"):
        check_budget("n", find_target("arm"), "table", Cost(1001, 100, 5), budget)


def test_bad_aims_and_limits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"cannot optimize for 'fast'; choose one of {', '.join(OPTIMIZE)}"):
        build(NETWORKS["small"], "arm", tmp_path / "x", optimize="fast")
    with pytest.raises(InputError, match="native has no limits of flash and RAM"):
        build(NETWORKS["small"], "native", tmp_path / "x", flash=1000)


@pytest.mark.parametrize(("text", "size"), [(None, None), ("512", 512), ("64K", 65536), ("1m", 1 << 20)])
def test_sizes(text: str | None, size: int | None) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "64 K", "64KB", "1.5K", "x"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a size; write bytes, or 64K, or 1M"):
        size_in_bytes(text)
