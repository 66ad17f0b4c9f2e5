"""The op domain `ai.lgn`, and the ONNX versions and names that a model is written with."""

from __future__ import annotations

from typing import Final

DOMAIN: Final = "ai.lgn"
VERSION: Final = 1
OPSET: Final = 18  # the first with the bitwise ops; nothing newer is needed
IR_VERSION: Final = 8  # the first with function bodies; older runtimes refuse newer ones
WORD_BITS: Final = 64
STANDARD_DOMAINS: Final = ("", "ai.onnx")

# the interface of every model
SAMPLES: Final = "samples"  # [N, features]
BITS: Final = "bits"  # [N, bits], encoded outside
WORDS: Final = "words"  # [bits, W], encoded and packed outside
SCORES: Final = "scores"
LOGITS: Final = "logits"
CLASS: Final = "class"
OUTPUT_BITS: Final = "output_bits"
