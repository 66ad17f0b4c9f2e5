"""Layers over images, shaped like those of `torch.nn`: convolution by trees of gates, and pooling by OR.

They are those of Petersen et al. (2024). An image is `channels` planes of `height` rows of `width` signals, channel by
channel, row by row, as in `network`. Layers take it as signals `[..., channels * height * width]`, as every logic layer
does, or as an image `[..., channels, height, width]`, and return the like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn

from lgn_edge import network
from lgn_edge.checks import one_word_of, whole_number
from lgn_edge.errors import InputError
from lgn_edge.network.convolution import Pair, Window, pair
from lgn_edge.nn.choice import Choice, LearnedWiring
from lgn_edge.nn.gate_layer import GateLayer, GateRecipe, truth_tables
from lgn_edge.nn.initialisation import AND, INITIALISATIONS
from lgn_edge.nn.logic_layer import LayerRecipe, LogicLayer, Shape, Signals
from lgn_edge.nn.signals import real, require_signals, rows
from lgn_edge.nn.tracing import computed
from lgn_edge.nn.trees import (
    MOST_LEAVES,
    MOST_PLACES,
    Trees,
    channels_of,
    pool_definition,
    single_places,
    trees_definition,
)
from lgn_edge.nn.wiring import Connections, RandomWiring, Wiring, distinct
from lgn_edge.tables import one_of, share, whole, word

ROOTS: Final = (*INITIALISATIONS, AND)
MAX_DEPTH: Final = 8


@dataclass(frozen=True)
class ConvRecipe(GateRecipe):
    """How a `LogicConv2d` is made.

    Attributes:
        kernels: trees, each a channel of the output.
        size: rows and columns of the window.
        stride, padding: of the window.
        groups: parts of the channels; a kernel reads channels of one part.
        depth: levels of a tree.
        channels: that a kernel reads; 0 for all of its group.
        root: first weights of the last gate of each tree, "residual", "gaussian" or "and".
        revive_until: share of the epochs, from the first on, after which kernels are drawn anew whose channels do not
            vary.
        wiring: of the leaves to cells of the window: "random", drawn once, or "learned" (see `LearnedWiring`).
    """

    KIND: ClassVar = "conv"

    kernels: int = whole(least=1)
    size: int = whole(3, least=1)
    stride: int = whole(1, least=1)
    padding: int = whole(0, least=0)
    groups: int = whole(1, least=1)
    depth: int = whole(3, least=1, most=MAX_DEPTH)
    channels: int = whole(2, least=0)
    root: str = word(AND, ROOTS)
    revive_until: float = share(0.0)
    wiring: Wiring = one_of((RandomWiring, LearnedWiring))

    @property
    def gates_stored(self) -> int:
        """Those of the kernels' trees."""
        return self.kernels * ((1 << self.depth) - 1)

    def make(self, given: Shape, seed: int) -> LogicConv2d:
        """The untrained layer for an image (see `LogicConv2d`)."""
        channels, height, width = _image(given, "convolution")
        window = {name: getattr(self, name) for name in ("stride", "padding", "groups", "depth", "channels", "root")}
        gates = self.gate_arguments() | self.wiring.arguments()
        return LogicConv2d(channels, self.kernels, self.size, image_size=(height, width), **window, **gates, seed=seed)

    def revives(self, progress: float) -> bool:
        """Whether kernels are drawn anew after a share of the training, 0 to 1."""
        return 0 < progress <= self.revive_until and progress < self.learns_until


@dataclass(frozen=True)
class PoolRecipe(LayerRecipe):
    """How an `OrPool2d` is made.

    Attributes:
        size: rows and columns of the window.
        stride: of the window; 0 for its size.
        padding: of the image.
    """

    KIND: ClassVar = "pool"

    size: int = whole(2, least=1)
    stride: int = whole(0, least=0)
    padding: int = whole(0, least=0)

    @property
    def gates_stored(self) -> int:
        """None: all are OR."""
        return 0

    def make(self, given: Shape, seed: int) -> OrPool2d:
        """The layer for an image; nothing of it is drawn."""
        channels, height, width = _image(given, "OR pool")
        stride = self.stride or self.size
        return OrPool2d(self.size, stride, self.padding, in_channels=channels, image_size=(height, width))


class LogicConv2d(GateLayer):
    """A convolution whose kernels are trees of learnable gates, shaped like `torch.nn.Conv2d`.

    Args:
        in_channels: channels of the image.
        out_channels: kernels, each a channel of the output.
        kernel_size: rows and columns of the window, or one number for both.
        stride, padding: of the window, likewise; what is outside of the image is 0.
        groups: parts of the channels. Kernel k is in part `k * groups // out_channels` and reads channels of it alone.
        image_size: rows and columns of the image, or one number for both.
        depth: levels of a tree, 1 to 8: it has 2**depth leaves and 2**depth - 1 gates.
        channels: that a kernel reads, drawn once; 0 for all of its group, and never more than there are.
        parametrization, estimator, temperature, init, init_shift: as in `LogicDense`.
        root: first weights of the last gate of each tree: "residual", "gaussian", or "and", near the gate a AND b. A
            pool behind it makes ones frequent, and such a root makes them rare (see docs/training.md).
        wiring: "random", or "learned", where each leaf chooses a cell of the window.
        candidates: that a leaf chooses from, for learned wiring; more than there are means all.
        seed: of leaves and first weights; None draws from torch's default generator.

    Attributes:
        weight: float32 [out_channels * gates of a tree, numbers of the parametrization], kernel by kernel.
        leaf: int32 [out_channels, 2**depth, 3] buffer of random wiring, the cell (channel, row, column) of each leaf,
            different ones where a kernel sees enough cells; saved with the weights.
        read: int32 [out_channels, channels that a kernel reads] buffer of learned wiring, likewise.
        choice: of learned wiring, among the cells of the channels that a kernel reads, numbered channel by channel, row
            by row: first inputs are the leaves of even numbers, second ones those of odd; None otherwise.

    Raises:
        InputError: an unknown choice, channels that do not divide into the groups, a window that does not fit.
    """

    KIND: ClassVar = "conv"
    CONFIG: ClassVar = (
        "in_channels",
        "out_channels",
        "kernel_size",
        "stride",
        "padding",
        "groups",
        "image_size",
        "depth",
        "channels",
        "parametrization",
        "estimator",
        "temperature",
        "init",
        "init_shift",
        "root",
        "seed",
    )
    leaf: Tensor
    read: Tensor

    @torch.inference_mode(False)
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        groups: int = 1,
        *,
        image_size: int | Pair,
        depth: int = 3,
        channels: int = 2,
        parametrization: str = "light",
        estimator: str = "soft",
        temperature: float = 1.0,
        init: str = "residual",
        init_shift: float = 0.0,
        root: str = AND,
        wiring: str = RandomWiring.KIND,
        candidates: int = 32,
        seed: int | None = None,
    ) -> None:
        one_word_of(root, "convolution: root", ROOTS)
        one_word_of(wiring, "convolution: wiring", (RandomWiring.KIND, LearnedWiring.KIND))
        depth = whole_number(depth, "convolution: depth", least=1, most=MAX_DEPTH)
        channels = whole_number(channels, "convolution: channels", least=0)
        groups = whole_number(groups, "convolution: groups", least=1)
        in_channels = whole_number(in_channels, "convolution: in_channels", least=1)
        out_channels = whole_number(out_channels, "convolution: out_channels", least=1)
        window = _window(in_channels, image_size, kernel_size, stride, padding, "convolution")
        for what, count in (("input channels", in_channels), ("kernels", out_channels)):
            if count % groups:
                raise InputError(f"convolution: {count} {what} do not divide into {groups} groups")
        places = window.places[0] * window.places[1]
        super().__init__(
            window.n_inputs,
            out_channels * places,
            arity=2,
            parametrization=parametrization,
            estimator=estimator,
            temperature=temperature,
            init=init,
            init_shift=init_shift,
            wiring=wiring,
            seed=seed,
        )
        self.candidates = whole_number(candidates, "convolution: candidates", least=2)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.padding = window.size, window.stride, window.padding
        self.image_size = (window.height, window.width)
        self.depth, self.channels, self.root = depth, channels, root
        self.window = window
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        read = self._channels_read(generator)
        cells = read.shape[1] * window.size[0] * window.size[1]
        if wiring == LearnedWiring.KIND:
            self.register_buffer("read", read.to(torch.int32))
            self.choice = Choice(cells, out_channels * 2**depth // 2, min(candidates, cells), generator=generator)
        else:
            self.register_buffer("leaf", self._leaves(read, self._cells(read, generator)))
        self.weight = nn.Parameter(self._first_gates(generator))

    def _first_gates(self, generator: torch.Generator | None) -> Tensor:
        """First weights of all trees."""
        nodes = 2**self.depth - 1
        weight = self._initial(self.init, self.out_channels * nodes, generator)
        if self.root != self.init:
            weight[nodes - 1 :: nodes] = self._initial(self.root, self.out_channels, generator)
        return weight

    @torch.no_grad()
    def redraw(self, kernels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw some kernels anew, leaves and weights.

        Args:
            kernels: bool [out_channels], which.
            generator: source of randomness.

        Returns:
            bool [gates], the rows of the weight that changed.
        """
        read = self._channels_read(generator)
        if self.choice is None:
            leaf = self._leaves(read, self._cells(read, generator))
            self.leaf[kernels] = leaf.to(self.leaf.device)[kernels]
        else:
            self.read[kernels] = read.to(self.read)[kernels]
            self.choice.renew(kernels.repeat_interleave(2**self.depth // 2), generator)
        gates = kernels.repeat_interleave(2**self.depth - 1)
        self.weight[gates] = self._first_gates(generator).to(self.weight)[gates]
        return gates

    def _channels_read(self, generator: torch.Generator | None) -> Tensor:
        """Channels [kernels, few] that each kernel reads, used as evenly as their number allows."""
        within, members = self.in_channels // self.groups, self.out_channels // self.groups
        few = min(self.channels or within, within)
        return torch.cat([distinct(members, few, within, generator) + i * within for i in range(self.groups)])

    def _cells(self, read: Tensor, generator: torch.Generator | None) -> Tensor:
        """Numbers of cells [kernels, leaves] among the channels read, likewise."""
        cells, leaves = read.shape[1] * self.kernel_size[0] * self.kernel_size[1], 2**self.depth
        parts = [
            distinct(self.out_channels, min(cells, leaves - start), cells, generator)
            for start in range(0, leaves, cells)
        ]
        return torch.cat(parts, 1)

    def _leaves(self, read: Tensor, cell: Tensor) -> Tensor:
        """Cells int32 [kernels, ..., 3] in the window of numbers [kernels, ...] among the channels read."""
        rows, columns = self.kernel_size
        channel = read.long().gather(1, (cell // (rows * columns)).flatten(1).long()).reshape(cell.shape)
        return torch.stack([channel, cell // columns % rows, cell % columns], -1).to(torch.int32)

    def leaves(self) -> Tensor:
        """The cell of each leaf, int32 [out_channels, 2**depth, 3]; of learned wiring the ones chosen now."""
        if self.choice is None:
            return self.leaf
        return self._leaves(self.read, self._by_leaf(torch.stack(self.choice.wires())))

    def _candidates(self, choice: Choice) -> Tensor:
        """The cells that each leaf chooses from, int32 [out_channels, 2**depth, K, 3]."""
        return self._leaves(self.read, self._by_leaf(choice.candidates))

    def _by_leaf(self, sides: Tensor) -> Tensor:
        """What first and second inputs have [2, gates, ...] as [kernels, leaves, ...]."""
        return sides.transpose(0, 1).reshape(self.out_channels, 2**self.depth, *sides.shape[2:])

    @property
    def out_shape(self) -> Shape:
        """Channels, height and width of the output."""
        return (self.out_channels, *self.window.places)

    @property
    def n_applied(self) -> int:
        """Gates of the kernels at all places."""
        rows, columns = self.window.places
        return self.n_distinct * rows * columns

    def forward(self, x: Signals, pool: OrPool2d | None = None) -> Signals:
        """Outputs of the trees, values in [0, 1], dtype of the signals.

        Args:
            x: signals [..., in_features] or an image [..., in_channels, height, width]; or blocks or rows.
            pool: of blocks and rows, what reads this layer: what it writes is returned, in less time and memory.
        """
        coefficients, choice = self.coefficients(x), self.learning
        if isinstance(x, Tensor):
            signals, image = _flat(x, (self.in_channels, *self.image_size))
            self.require(signals)
            inputs = rows(real(signals, self.weight.dtype))
            images = inputs.reshape(inputs.shape[0], self.in_channels, *self.image_size)
            leaves = self.leaves() if choice is None else self._candidates(choice)
            share = None if choice is None else self._by_leaf(choice.share())
            outputs = trees_definition(images, leaves, self.window, coefficients, share)
            return _like(outputs.to(inputs.dtype), signals, image)
        self.require(x)
        behind = single_places(*self.out_shape) if pool is None else pool.window
        channels = self._channels()
        candidates = None if choice is None else self._candidates(choice)
        trees = Trees(self.window, self.leaves(), behind, candidates, channels)
        if x.bits is not None and self.discrete:
            return x.bit_trees(trees, coefficients, None if choice is None else self._by_leaf(choice.soft()))
        if choice is not None:
            raise InputError("convolution: learned wiring of real-valued gates has no kernel; give a tensor")
        return x.trees(trees, coefficients)

    def _channels(self) -> Connections | None:
        """The channels that leaves read, as far as they stay; looks at once whether all leaves are in the window."""

        def looked_at(buffers: tuple[Tensor, ...]) -> Tensor:
            if computed():
                self._require_leaves()
            return buffers[0].flatten(1) if self.choice is not None else channels_of(buffers[0])

        if self.choice is None:
            return self._kept(looked_at, self.leaf, n_inputs=self.in_channels)
        self._kept(looked_at, self.choice.candidates, self.read, n_inputs=self.choice.n_inputs)
        return None

    def _require_leaves(self) -> None:
        """Check what the leaves follow from, as kernels follow them without looking."""
        for name, ends in self.index_limits().items():
            indices = self.get_buffer(name)
            if bool(((indices < 0) | (indices >= indices.new_tensor(ends))).any()):
                raise InputError("convolution: a leaf lies outside of its window; load its state again")

    def has_kernels(self, kernels: str) -> bool:
        """Whether the layer can compute with "compiled" or "triton" kernels in its present mode."""
        able = self.weight.dtype == torch.float32 and 2**self.depth <= MOST_LEAVES
        return able and (self.learning is None or self.discrete)

    def index_limits(self) -> dict[str, tuple[int, ...]]:
        """The ends of the window, or of the channels and of the numbers of cells."""
        if self.choice is None:
            return {"leaf": (self.in_channels, *self.kernel_size)}
        return {"read": (self.in_channels,), "choice.candidates": (self.choice.n_inputs,)}

    def config(self) -> dict[str, Any]:
        """The arguments that make a layer of this kind; its state_dict holds the rest."""
        learned = {"wiring": self.wiring, "candidates": self.candidates}
        return super().config() if self.choice is None else super().config() | learned

    def discrete_layers(self) -> tuple[network.LogicConv2d, ...]:
        """The one layer that it is."""
        table = truth_tables(self.hard_corners()).reshape(self.out_channels, -1).cpu().numpy()
        leaf, window = self.leaves().cpu().numpy(), self.window
        size, stride, padding = window.size, window.stride, window.padding
        return (network.LogicConv2d(self.in_channels, *self.image_size, size, leaf, table, stride, padding),)


class OrPool2d(LogicLayer):
    """Pooling by OR, shaped like `torch.nn.MaxPool2d`: the greatest value in a window; of bits it is their OR.

    The gradient goes to the first greatest place of a window.

    Args:
        kernel_size: rows and columns of the window, or one number for both.
        stride: of the window, likewise; its size where it is not given.
        padding: of the image; what is outside is 0.
        in_channels: channels of the image.
        image_size: rows and columns of the image, or one number for both.

    Raises:
        InputError: a window that does not fit.
    """

    KIND: ClassVar = "pool"
    CONFIG: ClassVar = ("kernel_size", "stride", "padding", "in_channels", "image_size")

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        *,
        in_channels: int,
        image_size: int | Pair,
    ) -> None:
        super().__init__()
        stride = kernel_size if stride is None else stride
        self.window = window = _window(in_channels, image_size, kernel_size, stride, padding, "OR pool")
        self.kernel_size, self.stride, self.padding = window.size, window.stride, window.padding
        self.in_channels, self.image_size = in_channels, (window.height, window.width)
        self.in_features = window.n_inputs
        self.out_features = in_channels * window.places[0] * window.places[1]

    @property
    def out_shape(self) -> Shape:
        """Channels, height and width of the output."""
        return (self.in_channels, *self.window.places)

    @property
    def n_applied(self) -> int:
        """The ORs of two of all windows."""
        return self.discrete_layers()[0].n_applied

    @property
    def n_distinct(self) -> int:
        """None: all are OR."""
        return 0

    def forward(self, x: Signals) -> Signals:
        """Greatest values, of signals [..., in_features] or of an image [..., in_channels, height, width]."""
        if isinstance(x, Tensor):
            signals, image = _flat(x, (self.in_channels, *self.image_size))
            require_signals(signals, self.in_features, "OR pool")
            inputs = rows(real(signals, torch.float32))
            images = inputs.reshape(inputs.shape[0], self.in_channels, *self.image_size)
            return _like(pool_definition(images, self.window), signals, image)
        require_signals(x, self.in_features, "OR pool")
        channel = torch.arange(self.in_channels, dtype=torch.int32, device=x.values.device)
        leaf = torch.stack([channel, torch.zeros_like(channel), torch.zeros_like(channel)], 1).unsqueeze(1)
        trees = Trees(single_places(self.in_channels, *self.image_size), leaf, self.window)
        return (x.trees if x.bits is None else x.bit_trees)(trees, x.values.new_zeros(0, 4, dtype=torch.float32))

    def has_kernels(self, kernels: str) -> bool:
        """Whether the layer can compute with "compiled" or "triton" kernels in its present mode."""
        return self.kernel_size[0] * self.kernel_size[1] <= MOST_PLACES

    def discrete_layers(self) -> tuple[network.OrPool2d, ...]:
        """The one layer that it is."""
        window = self.window
        return (network.OrPool2d(self.in_channels, *self.image_size, window.size, window.stride, window.padding),)


def _window(
    channels: int, image: int | Pair, size: int | Pair, stride: int | Pair, padding: int | Pair, what: str
) -> Window:
    given = {"image_size": image, "kernel_size": size, "stride": stride, "padding": padding}
    (height, width), *window = (pair(value, f"{what}: {name}") for name, value in given.items())
    return Window(channels, height, width, window[0], window[1], window[2], what)


def _image(given: Shape, what: str) -> tuple[int, int, int]:
    """The shape, if it is that of an image.

    Raises:
        InputError: it is none.
    """
    if len(given) != 3:
        raise InputError(
            f"{what}: the {given[0]:,} signals that it reads are no image; a convolution, a pool or an encoder with"
            " planes = true writes one, and several only together where they are of one size"
        )
    return given[0], given[1], given[2]


def _flat(x: Tensor, shape: Shape) -> tuple[Tensor, bool]:
    """Signals [..., n], and whether they were images [..., channels, height, width]."""
    image = x.ndim >= 3 and tuple(x.shape[-3:]) == shape
    return x.flatten(-3) if image else x, image


def _like(y: Tensor, signals: Tensor, image: bool) -> Tensor:
    """Images [batch, channels, height, width] with the leading axes of signals [..., n], flat where these were flat."""
    return (
        y.reshape(*signals.shape[:-1], *y.shape[1:]) if image else y.reshape(*signals.shape[:-1], y.shape[1:].numel())
    )
