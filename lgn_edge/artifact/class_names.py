"""Names in generated code: whatever text they are, C, JavaScript and the shell read them as they were meant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from lgn_edge.artifact.manifest import Manifest
from lgn_edge.artifact.printing import print_values

_PLAIN: Final = frozenset(range(0x20, 0x7F)) - set(b'"\\?')  # two question marks may begin a trigraph


def c_string(text: str) -> str:
    """A C string literal of the text in UTF-8; octal escapes, which end after three digits, for what is not plain."""
    octets = text.encode("utf-8", "surrogatepass")
    return '"' + "".join(chr(octet) if octet in _PLAIN else f"\\{octet:03o}" for octet in octets) + '"'


def c_table(names: Sequence[str], macro: str, what: str) -> str:
    """What the header says of the names of `what`: a macro to fill a table with; nothing where there are no names."""
    if not names:
        return ""
    rows = ", \\\n".join(f"    {c_string(name)}" for name in names)
    return (
        f"\n/* The names of the {what} in UTF-8:  static const char *const names[] = {macro}; */\n"
        f"#define {macro} {{ \\\n{rows} \\\n}}\n"
    )


def name_values(manifest: Manifest) -> dict[str, str]:
    """Values of the templates' keys: the header's tables, JavaScript's arrays, and what examples print."""
    prefix, names = f"LGN_{manifest.name.upper()}", manifest.class_names
    kind, what = ("CLASS", "classes") if manifest.decides else ("OUTPUT", "outputs")
    tables = c_table(names, f"{prefix}_{kind}_NAMES", what)
    return {
        "names": tables + c_table(manifest.feature_names, f"{prefix}_FEATURE_NAMES", "elements of a sample"),
        "class_names_js": javascript(names if manifest.decides else ()),
        "output_names_js": javascript(() if manifest.decides else names),
        "feature_names_js": javascript(manifest.feature_names),
        **print_values(manifest, f"{prefix}_{kind}_NAMES"),
    }


def javascript(names: Sequence[str]) -> str:
    """A JavaScript array of strings, in ASCII."""
    return json.dumps(list(names))
