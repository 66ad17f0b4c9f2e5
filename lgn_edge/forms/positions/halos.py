"""The halos of images: what windows see beside the words that hold positions."""

from __future__ import annotations

from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.positions.program import Image
from lgn_edge.kernels.tir import Buffer, constant


def spread(image: Image, memory: Buffer) -> None:
    """Emit the halos of all planes, word by word."""
    grid, halos, word = image.grid, image.halos(), str(memory.dtype)
    if not halos or not len(image.channel):
        return
    with T.serial(0, len(image.channel)) as k:
        plane = T.Bind(k * image.plane + image.first)
        for y, x in halos:
            home_y, home_x, up = grid.home(y, x)
            inside = grid.mask(y, x)
            value = constant(0, word)
            if inside:
                value = memory[plane + image.offset(home_y, home_x)]
                value = value >> constant(up, word) if up >= 0 else value << constant(-up, word)
                home = grid.mask(home_y, home_x)
                if (home >> up if up >= 0 else home << -up) != inside:
                    value = value & constant(inside, word)
            T.buffer_store(memory, value, [plane + image.offset(y, x)])
