"""What a model file is made of and looks like from outside: its ops, its input, its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, ValueInfoProto, helper

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Head, Network, Threshold, unpack
from lgn_edge.network.samples import check_samples
from lgn_edge.onnx_model.domain import BITS, CLASS, LOGITS, OUTPUT_BITS, SAMPLES, SCORES, WORDS

CUSTOM: Final = "custom"
STANDARD: Final = "standard"
FUSED: Final = "fused"
QONNX: Final = "qonnx"
OPS: Final = (CUSTOM, STANDARD, FUSED, QONNX)
PACKED: Final = "packed"
BOOL: Final = "bool"
INPUTS: Final = (PACKED, BOOL, "uint8", "float32")
OUTPUTS: Final = (SCORES, LOGITS, CLASS, OUTPUT_BITS)

ELEMENT: Final = {  # type of the input
    PACKED: TensorProto.INT64,
    BOOL: TensorProto.BOOL,
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
}
MOST_BITS: Final = 1 << 24  # of an input that is encoded outside: a small file may name a huge number
_NAME: Final = {PACKED: WORDS, BOOL: BITS, "uint8": SAMPLES, "float32": SAMPLES}


@dataclass(frozen=True)
class Form:
    """The form of a model file.

    Attributes:
        ops: "custom": nodes of the domain `ai.lgn` with function bodies; "standard": standard ops only, gates sorted
            by kind; "fused": one node of the domain for all, which needs the library; "qonnx": LookupTable nodes of
            QONNX.
        input: "uint8" or "float32": samples [N, features]; "bool": encoded bits [N, bits]; "packed": encoded and packed
            bits int64 [bits, W], for 64 * W samples; "" for what the encoder takes.
        outputs: some of "scores", "logits", "class" and "output_bits", those that the head has (see `heads_outputs`),
            always in this order; () for all of them.
    """

    ops: str = CUSTOM
    input: str = ""
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ops not in OPS:
            raise InputError(f"there are no {self.ops!r} ops; choose one of {', '.join(OPS)}")
        if self.input not in ("", *INPUTS):
            raise InputError(f"there is no input {self.input!r}; choose one of {', '.join(INPUTS)}")
        unknown = [name for name in self.outputs if name not in OUTPUTS]
        if unknown:
            raise InputError(f"the outputs are {list(self.outputs)}; choose some of {', '.join(OUTPUTS)}")
        object.__setattr__(self, "outputs", tuple(name for name in OUTPUTS if name in self.outputs))


def heads_outputs(head: Head) -> tuple[str, ...]:
    """The outputs that a model with this head can have: scores and logits, class where it decides; or bits."""
    if head.scale is None:
        return (OUTPUT_BITS,)
    return (SCORES, LOGITS, CLASS) if head.decides else (SCORES, LOGITS)


def resolved(network: Network, form: Form) -> tuple[Network, Form]:
    """The network that the graph of a form computes, and the form with its input and outputs chosen.

    For `uint8` and `float32` the encoder takes that type. For `bool` and `packed` the network takes bits; the true
    encoder stays outside.

    Raises:
        UnsupportedError: there are more bits than a reader of such a file takes, or differences of another type.
        InputError: the head does not have an output.
    """
    legal = heads_outputs(network.head)
    if missing := [name for name in form.outputs if name not in legal]:
        raise InputError(f"the network has no output {missing[0]!r}; its head gives {', '.join(legal)}")
    chosen = form.input or network.encoder.input_dtype
    encoder = network.encoder
    if chosen in (BOOL, PACKED):
        if encoder.n_outputs > MOST_BITS:
            raise UnsupportedError(
                f"the encoder gives {encoder.n_outputs} bits; a {chosen} input has {MOST_BITS} at most"
            )
        encoder = Threshold.bits(encoder.n_outputs)
    elif chosen != encoder.input_dtype and encoder.minus is not None:
        raise UnsupportedError(
            f"the encoder compares differences of {encoder.input_dtype} features, which are not exact in {chosen};"
            f" choose the input {encoder.input_dtype}, {BOOL} or {PACKED}"
        )
    elif chosen != encoder.input_dtype:
        encoder = replace(encoder, input_dtype=chosen)
    return replace(network, encoder=encoder), replace(form, input=chosen, outputs=form.outputs or legal)


def input_info(network: Network, form: Form) -> ValueInfoProto:
    """The input of the model of a `resolved` network."""
    features = network.encoder.n_features
    shape: list[str | int | None] = [features, "W"] if form.input == PACKED else ["N", features]
    return helper.make_tensor_value_info(_NAME[form.input], ELEMENT[form.input], shape)


def output_infos(head: Head, outputs: Sequence[str]) -> list[ValueInfoProto]:
    """The outputs of a model with this head."""
    known: dict[str, tuple[int, list[str | int | None]]] = {
        SCORES: (TensorProto.INT32, ["N", head.n_outputs]),
        LOGITS: (TensorProto.FLOAT, ["N", head.n_outputs]),
        CLASS: (TensorProto.INT64, ["N"]),
        OUTPUT_BITS: (TensorProto.BOOL, ["N", head.n_outputs]),
    }
    return [helper.make_tensor_value_info(name, *known[name]) for name in outputs]


def input_of_info(name: str, element: int) -> str:
    """The input that a model's only input is, by its name and element type; "" when it is none."""
    return next((key for key in INPUTS if (_NAME[key], ELEMENT[key]) == (name, element)), "")


def feed(encoder: Threshold, chosen: str, samples: ArrayLike) -> NDArray[Any]:
    """Samples [n, features] as an input of this name takes them: encoded and packed where it wants that.

    Raises:
        InputError: the samples have another shape, or a type that does not convert without loss.
    """
    if chosen == PACKED:
        return encoder.evaluate(samples).view(np.int64)
    if chosen == BOOL:
        checked = encoder.check(samples)
        return unpack(encoder.evaluate(checked), len(checked))
    return check_samples(samples, encoder.n_features, chosen, "the model")
