"""The C between samples and gates: which kernels run there, and their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lgn_edge.forms.rows.few import Convolutions
from lgn_edge.templates import render

_PACK: Final = "RUN(pack)(samples + (ptrdiff_t)done * stride, (int32_t)stride, count, slots);"
_LOAD: Final = "RUN(load)(words + done / WORD_BITS, (int32_t)stride, words_of(count), slots);"
_PACK_ONE: Final = "RUN(one_pack)(samples + ((ptrdiff_t)done + s) * stride, one);"
_LOAD_ONE: Final = "RUN(one_load)(words + done / WORD_BITS, (int32_t)stride, s, one);"


def calls(name: str, convolutions: Convolutions | None, first: int) -> Mapping[str, str]:
    """What the template of a host's functions has of kernels before the gates.

    Args:
        name: of the model, as an identifier.
        convolutions: image layers that stay what they are.
        first: the word of the workspace where words of positions begin.
    """
    slots = f"lgn_{name}_word *slots"
    declared = [f"clear##level({slots})", f"convolve##level({slots})"] if convolutions else []
    clear = "RUN(clear)(slots);" if convolutions else ""
    encode = {"pack": _PACK, "load": _LOAD}
    if convolutions and (few := convolutions.few):
        one = f"lgn_{name}_word *one"
        declared += [
            f"one_pack##level(const void *sample, {one})",
            f"one_load##level(const lgn_{name}_word *words, int32_t stride, int32_t bit, {one})",
            f"one_convolve##level({one})",
            f"one_put##level(const {one}, {slots})",
        ]
        clear = f"if (n > {few.most}) {{\n        {clear}\n    }}"
        given = {"name": name, "most": few.most, "first": first}
        ways = (("pack", _PACK_ONE, _PACK), ("load", _LOAD_ONE, _LOAD))
        encode = {key: render("few.c.in", {**given, "encode": one, "many": many}).rstrip() for key, one, many in ways}
    elif convolutions:
        encode = {key: f"{text}\n        RUN(convolve)(slots);" for key, text in encode.items()}
    return {
        "image_kernels": "".join(f"void lgn_{name}_{each}; \\\n    " for each in declared),
        "clear": f"{clear}\n    " if clear else "",
        **encode,
    }
