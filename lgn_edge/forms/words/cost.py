"""What taking words of samples costs besides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.one_sample.encoder import table_bytes
from lgn_edge.forms.prediction import Cost, core_kind
from lgn_edge.forms.table.cost import tape_units
from lgn_edge.forms.table.tape import Tape
from lgn_edge.network import Network
from lgn_edge.targets.target import Target


@dataclass(frozen=True)
class WordRates:
    """What taking words of samples costs on a core, in bytes.

    Attributes:
        code: of flash.
        loop: of flash for each loop over gates of one operation.
        large: of flash where loops take four gates at a time.
        stack: of RAM.
    """

    code: float
    loop: float
    large: float
    stack: float


# Least squares over eight networks, built and executed on each core; errors of at most 3 % of the whole.
_RATES: Final = {
    "armv6-m": WordRates(code=772, loop=145, large=1259, stack=190),
    "armv7-m": WordRates(code=780, loop=140, large=1290, stack=145),
    "rv32": WordRates(code=826, loop=160, large=1120, stack=132),
}


def words_cost(
    one: Cost, tape: Tape, network: Network, complemented: NDArray[np.bool_], target: Target, *, shares_tables: bool
) -> Cost:
    """The cost of a program that takes words of samples too.

    Args:
        one: what it costs without, on a core with rates.
        tape: what words walk.
        network: gives the encoder.
        complemented: bool[live inputs], those that one sample has as complements; words have tables of their own then.
        target: the machine.
        shares_tables: whether one sample walks the tape as well; straight-line code brings the tape for words.
    """
    rates, units = _RATES[core_kind(target)], tape_units(tape, network)
    flash = one.flash + rates.code + rates.loop * units["loops"] + rates.large * units["large"]
    slots_bytes = target.shape.word_bits // 8 * tape.n_slots
    if shares_tables:
        return replace(one, flash=round(flash), ram=round(slots_bytes + rates.stack))
    plain = table_bytes(network, tape.input_bit, complemented) if complemented.any() else 0
    return replace(one, flash=round(flash + units["tables"] + plain), ram=slots_bytes + one.ram)
