"""What all layers of learnable gates share: how weights become gates, and what others ask of a layer."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from lgn_edge.checks import MOST_SEED, not_negative_number, one_word_of, positive_number, whole_number
from lgn_edge.errors import InputError
from lgn_edge.nn.blocks import Blocks
from lgn_edge.nn.choice import Choice
from lgn_edge.nn.estimator import DISCRETE, ESTIMATORS, soft
from lgn_edge.nn.gates import collapse
from lgn_edge.nn.initialisation import INITIALISATIONS, initial_weight
from lgn_edge.nn.kernels import gpu_operators
from lgn_edge.nn.logic_layer import LayerRecipe, LogicLayer
from lgn_edge.nn.parametrization import PARAMETRIZATIONS, Light, LightSine
from lgn_edge.nn.rows import Rows
from lgn_edge.nn.signals import require_bits, require_signals
from lgn_edge.nn.tracing import computed, exported
from lgn_edge.nn.wiring import Connections
from lgn_edge.tables import not_negative, positive, share, word

BY_CORNER: Final = (
    "light",
    "light-sine",
)  # parametrisations with one number a corner, so of any number of inputs


@dataclass(frozen=True, kw_only=True)
class GateRecipe(LayerRecipe, ABC):
    """How a layer of learnable gates is made; each kind of layer has its own.

    Attributes:
        parametrization: "light", "light-sine", "raw" or "walsh".
        estimator: "soft", "soft-gumbel", "hard" or "gumbel".
        temperature: of the soft gate.
        init: "residual" or "gaussian".
        init_shift: how far from undecided the residual gates start; 0 takes the parametrization's usual value.
        rate: learning rate of the gates, in learning rates of the training.
        learns_until: share of the epochs after which the gates stay as they are; the schedule of their rate ends there.
    """

    parametrization: str = word("light", PARAMETRIZATIONS)
    estimator: str = word("hard", ESTIMATORS)
    temperature: float = positive(1.0)
    init: str = word("residual", INITIALISATIONS)
    init_shift: float = not_negative(0.0)
    rate: float = positive(1.0)
    learns_until: float = share(1.0)

    def gate_arguments(self) -> dict[str, Any]:
        """What every kind of layer is made with."""
        names = ("parametrization", "estimator", "temperature", "init", "init_shift")
        return {name: getattr(self, name) for name in names}


class GateLayer(LogicLayer, ABC):
    """A layer of learnable gates.

    In training mode the gates are real-valued or discrete as the estimator says. In evaluation mode they are the
    discrete gates, exactly: bits of 0.0 and 1.0 in, bits of 0.0 and 1.0 out (except under `soft_evaluation`).

    Args:
        in_features: signals of the layer before.
        out_features: gates.
        arity: inputs of a gate.
        parametrization: "light", "light-sine", "raw" or "walsh"; one of `BY_CORNER` for more than two inputs.
        estimator: "soft", "soft-gumbel", "hard" or "gumbel".
        temperature: positive; divides the weights in the soft gate. light-sine takes 1 only.
        init: "residual" or "gaussian".
        init_shift: how far from undecided the residual gates start; 0 takes the parametrization's usual value.
        wiring: its name.
        seed: of wiring and first weights; None draws from torch's default generator.

    Attributes:
        weight: float32 [gates, numbers of the parametrization].
        choice: of learned wirings; None otherwise.

    Raises:
        InputError: an unknown choice.
    """

    weight: nn.Parameter
    choice: Choice | None

    @torch.inference_mode(False)
    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        arity: int,
        parametrization: str,
        estimator: str,
        temperature: float,
        init: str,
        init_shift: float,
        wiring: str,
        seed: int | None,
    ) -> None:
        super().__init__()
        one_word_of(parametrization, "logic layer: parametrization", PARAMETRIZATIONS if arity == 2 else BY_CORNER)
        one_word_of(estimator, "logic layer: estimator", ESTIMATORS)
        one_word_of(init, "logic layer: init", INITIALISATIONS)
        self.temperature = positive_number(temperature, "logic layer: temperature")
        self.init_shift = not_negative_number(init_shift, "logic layer: init_shift")
        if seed is not None:
            whole_number(seed, "logic layer: seed", least=0, most=MOST_SEED)
        if parametrization == "light-sine" and temperature != 1:
            raise InputError(
                f"logic layer: temperature is {temperature}, but dividing the angles of light-sine would move its"
                " gates; leave it at 1"
            )
        self.in_features = whole_number(in_features, "logic layer: in_features", least=1)
        self.out_features = whole_number(out_features, "logic layer: out_features", least=1)
        self.parametrization = parametrization
        self.estimator = estimator
        self.init = init
        self.wiring = wiring
        self.seed = seed
        self.soft = False  # set by `soft_evaluation`
        self.choice = None
        self._connections: tuple[list[tuple[Tensor, int]], Connections | None] = [], None
        gates = PARAMETRIZATIONS[parametrization]
        self._gates = replace(gates, numbers=2**arity) if isinstance(gates, Light | LightSine) else gates
        if "gumbel" in estimator:
            self._gates.noise(torch.zeros(0, self._gates.numbers))  # refuses what has no noise now, not while training

    def _first_weight(self, gates: int, generator: torch.Generator | None) -> nn.Parameter:
        return nn.Parameter(self._initial(self.init, gates, generator))

    def _initial(self, init: str, gates: int, generator: torch.Generator | None) -> Tensor:
        return initial_weight(init, self.parametrization, gates, self._gates.numbers, generator, self.init_shift)

    def _kept(
        self, join: Callable[[tuple[Tensor, ...]], Tensor], *buffers: Tensor, n_inputs: int | None = None
    ) -> Connections:
        """Connections of buffers joined to [arity, gates]; kept, as sorting them takes longer than a layer on a GPU.

        Inputs are those of the layer where their number is not given.
        """
        n_inputs = self.in_features if n_inputs is None else n_inputs
        if not computed() or any(buffer.is_meta or buffer.is_inference() for buffer in buffers):
            return Connections(n_inputs, join(buffers))
        state = [(buffer, buffer._version) for buffer in buffers]
        known, connections = self._connections
        if connections is None or any(a[0] is not b[0] or a[1] != b[1] for a, b in zip(known, state, strict=True)):
            with torch.inference_mode(False):  # what is made in inference mode has no part in training later
                connections = Connections(n_inputs, join(buffers), lasting=True)
            connections.require_inputs()
            self._connections = state, connections
        return connections

    def require_tensors(self, state: Mapping[str, Any]) -> None:
        """Refuse the state of a layer that is wired in another way."""
        if "weight" not in state:
            return
        name, logits = type(self).__name__, state.get("choice.logits")
        if logits is None and self.choice is not None:
            raise InputError(
                f"the state is of a {name} with fixed wires, and this one learns its wiring; make it with"
                " wiring='random', whose wires are then those of the state"
            )
        if logits is not None and self.choice is None:
            raise InputError(
                f"the state is of a {name} that learns its wiring, and this one has the wiring {self.wiring!r}; make it"
                f" with wiring='learned' and candidates={logits.shape[-1]}"
            )
        if logits is not None and self.choice is not None and logits.shape[-1] != self.choice.logits.shape[-1]:
            raise InputError(
                f"the state is of a {name} with {logits.shape[-1]} candidates for an input, and this one has"
                f" {self.choice.logits.shape[-1]}; make it with candidates={logits.shape[-1]}"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connections": ([], None)}

    @property
    def discrete(self) -> bool:
        """Whether the layer computes with discrete gates in its present mode."""
        return self.estimator in DISCRETE if self.training else not self.soft

    @property
    def learning(self) -> Choice | None:
        """The choices, where they learn in the present mode."""
        return self.choice if self.training and torch.is_grad_enabled() else None

    def require(self, x: Tensor | Blocks | Rows) -> None:
        """Check the signals that the layer is given.

        Raises:
            InputError: they have another shape, or are no bits where the layer computes with discrete gates in
                evaluation mode; what follows it then reads bits, and so does what it is exported as. Or it is traced
                or exported while its wiring learns.
        """
        if self.learning is not None and exported():
            raise InputError(
                "logic layer: while it trains, learned wiring mixes all candidates of a gate, which is no network to"
                " trace or export; call eval() first"
            )
        require_signals(x, self.in_features)
        if not self.training and not self.soft:
            require_bits(x)

    @property
    def n_distinct(self) -> int:
        """Gates that are stored."""
        return len(self.weight)

    @property
    def n_applied(self) -> int:
        """Gates that a sample passes."""
        return self.n_distinct

    def corners(self) -> Tensor:
        """Corners [gates, 2**arity] that the layer computes with in its present mode (see `parametrization`)."""
        if self.training:
            return ESTIMATORS[self.estimator](self._gates, self.weight, self.temperature)
        return self.soft_corners() if self.soft else self.hard_corners()

    def coefficients(self, x: Tensor | Blocks | Rows) -> Tensor:
        """Coefficients [gates, 4] of two-input gates in the present mode (see `gates.collapse`), for such signals.

        For rows a kernel computes them from the weights; noise is then another draw of the same distribution.
        """
        if not isinstance(x, Rows):
            return collapse(self.corners())
        made = x.made.get(self.weight)
        return _made([self])[0] if made is None else made

    @property
    def _making(self) -> tuple[str, float, bool, bool]:
        """What decides how weights become gates in the present mode; the last one is whether they get noise."""
        noise = self.training and "gumbel" in self.estimator
        return self.parametrization, self.temperature, self.discrete, noise

    def soft_corners(self) -> Tensor:
        """Soft corners [gates, 2**arity], without noise."""
        return soft(self._gates, self.weight, self.temperature)

    def hard_corners(self) -> Tensor:
        """Corners [gates, 2**arity] of the discrete gates, exactly 0 or 1."""
        return self._gates.hard(self.weight)


def made_at_once(layers: Sequence[GateLayer]) -> dict[Tensor, Tensor]:
    """Coefficients [gates, 4] of layers of two-input gates for rows, by the weight of each.

    Layers whose gates are made in one way share a kernel, and backward another one: a GPU takes longer to begin one
    than to make the gates of a layer.
    """
    alike: dict[Any, list[GateLayer]] = {}
    for layer in layers:
        if layer._gates.numbers == PARAMETRIZATIONS[layer.parametrization].numbers:  # of more inputs they have more
            alike.setdefault((layer._making, layer.weight.requires_grad), []).append(layer)
    return {
        layer.weight: coefficients
        for several in alike.values()
        for layer, coefficients in zip(several, _made(several), strict=True)
    }


def _made(layers: Sequence[GateLayer]) -> Sequence[Tensor]:
    """Coefficients of layers whose gates are made in one way, by one kernel."""
    weights: list[Tensor] = [layer.weight for layer in layers]
    weight = weights[0] if len(weights) == 1 else torch.cat(weights)
    *making, noise = layers[0]._making
    seed = torch.randint(2**62, (1,), device=weight.device) if noise else None
    found: Tensor = gpu_operators.coefficients(weight, seed, *making)
    return torch.split(found, [len(each) for each in weights])


def truth_tables(corners: Tensor) -> Tensor:
    """Truth table ids, uint8 [gates], of discrete corners [gates, 4]."""
    f00, f01, f10, f11 = corners.to(torch.uint8).unbind(1)
    return 8 * f00 + 4 * f01 + 2 * f10 + f11
