"""All kernels of an artifact for a host, together."""

from __future__ import annotations

from lgn_edge.forms.positions.convolve_any import convolve_any
from lgn_edge.forms.positions.pack import load as load_one
from lgn_edge.forms.positions.pack import pack as pack_one
from lgn_edge.forms.rows.convolve import clear, convolve
from lgn_edge.forms.rows.counters import counter_planes
from lgn_edge.forms.rows.few import Convolutions, Few
from lgn_edge.forms.rows.gates import uniform_interpreter
from lgn_edge.forms.rows.load import load
from lgn_edge.forms.rows.pack import extra_rows, pack
from lgn_edge.forms.rows.put import put
from lgn_edge.forms.rows.schedule import UniformProgram
from lgn_edge.forms.rows.scores import scores
from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.kernels.encoding import comparisons
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Kernel, Parameter
from lgn_edge.network import Network


def workspace_rows(network: Network, program: UniformProgram, workspace: Workspace, shape: Shape) -> int:
    """Rows of memory that the kernels work in."""
    counters = program.classes * counter_planes(program.group)
    # packing is done when the gates begin: it may share its rows with the counters
    return workspace.n_rows + max(extra_rows(comparisons(network.encoder, workspace.input_bit), shape), counters)


def network_kernels(
    network: Network, convolutions: Convolutions | None, program: UniformProgram, shape: Shape, prefix: str
) -> tuple[Kernel, ...]:
    """All kernels that the artifact of `network` for a host is made of.

    Args:
        network: gives the encoder and the head.
        convolutions: its image layers that stay what they are, if any.
        program: its other layers, scheduled.
        shape: the machine's row.
        prefix: of the C symbols.

    """
    workspace = Workspace.of(program, convolutions.images if convolutions else None)
    rows = workspace_rows(network, program, workspace, shape)
    bits = comparisons(network.encoder, workspace.input_bit)
    return (
        *(_convolution_kernels(network, convolutions, rows, shape, prefix) if convolutions else ()),
        pack(bits, workspace, shape, prefix),
        load(workspace, shape, prefix),
        uniform_interpreter(program, workspace, shape, prefix),
        scores(program, workspace, shape, prefix),
    )


def _convolution_kernels(
    network: Network, convolutions: Convolutions, n_rows: int, shape: Shape, prefix: str
) -> tuple[Kernel, ...]:
    """The kernels of image layers; first those that take longest to compile."""
    images, few = convolutions.images, convolutions.few
    of_many = convolve(images, shape, prefix), clear(images, shape, prefix)
    return of_many if few is None else (*_few_kernels(network, few, n_rows, shape, f"{prefix}_one"), *of_many)


def _few_kernels(network: Network, few: Few, n_rows: int, shape: Shape, prefix: str) -> tuple[Kernel, ...]:
    """Those of image layers for a sample, from its features or packed bits to the rows that gates read."""
    bits = comparisons(network.encoder, few.positions.input_bit)
    return (
        convolve_any(few.positions, prefix),
        pack_one(few.positions, bits, Parameter("sample", bits.element, 1), prefix),
        load_one(few.positions, shape.word, prefix),
        put(few, n_rows, shape, prefix),
    )
