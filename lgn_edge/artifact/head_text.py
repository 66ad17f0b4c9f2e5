"""What the files of an artifact say about the head: what scores and classes are, and how scores become logits."""

from __future__ import annotations

from lgn_edge.artifact.manifest import Manifest
from lgn_edge.templates import c_literal

_SCALE_C = """
/* logits[c] = ((float)scores[c] + BETA) / TAU; neither changes the class */
#define LGN_{NAME}_TAU {tau}
#define LGN_{NAME}_BETA {beta}
"""
_SCALE_JS = """export const TAU = {tau}; // logits = (score + BETA) / TAU
export const BETA = {beta};
"""
_SCALE_TS = """export declare const TAU: number;
export declare const BETA: number;
"""


def head_values(manifest: Manifest) -> dict[str, str]:
    """Values of the templates' keys: `scale`, `scale_js`, `scale_ts`, `scores_are`, `classes_are`."""
    tau, beta = manifest.tau, manifest.beta
    if tau is None or beta is None:
        return {
            "scale": "",
            "scale_js": "",
            "scale_ts": "",
            "scores_are": "the bits, 0 or 1 each",
            "classes_are": "the first bit that is 1, or 0 when none is",
        }
    decides = manifest.decides
    return {
        "scale": _SCALE_C.format(NAME=manifest.name.upper(), tau=c_literal(tau), beta=c_literal(beta)),
        "scale_js": _SCALE_JS.format(tau=tau, beta=beta),
        "scale_ts": _SCALE_TS,
        "scores_are": "ones counted for each class" if decides else "the score, ones counted",
        "classes_are": "the class with the highest score, the first of equals"
        if decides
        else "0 always, as a score is no class",
    }
