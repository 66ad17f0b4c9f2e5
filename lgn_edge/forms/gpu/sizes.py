"""Numbers that plans and kernels of GPUs share."""

from __future__ import annotations

from typing import Final

WORD_BITS: Final = 32  # samples in a word
TREE: Final = 31  # words that a tree counts; a multiple of neither 2 nor 4, so that its counts fill all five bits
PLANES: Final = 5
TILE: Final = 32  # words of samples of a tile in global memory, which the threads of a warp take side by side
