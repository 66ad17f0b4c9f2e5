"""Class names in generated code: whatever text they are, C, JavaScript and the shell read them as they were meant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

_PLAIN: Final = frozenset(range(0x20, 0x7F)) - set(b'"\\?')  # two question marks may begin a trigraph


def c_string(text: str) -> str:
    """A C string literal of the text in UTF-8; octal escapes, which end after three digits, for what is not plain."""
    octets = text.encode("utf-8", "surrogatepass")
    return '"' + "".join(chr(octet) if octet in _PLAIN else f"\\{octet:03o}" for octet in octets) + '"'


def c_table(names: Sequence[str], macro: str) -> str:
    """What the header says of class names: a macro to fill a table with; nothing where there are no names."""
    if not names:
        return ""
    rows = ", \\\n".join(f"    {c_string(name)}" for name in names)
    return (
        f"\n/* The names of the classes in UTF-8:  static const char *const names[] = {macro}; */\n"
        f"#define {macro} {{ \\\n{rows} \\\n}}\n"
    )


def names_in_examples(names: Sequence[str], macro: str) -> dict[str, object]:
    """What examples print a class's name with: a table, and its use by printf, semihosting and Arduino's Serial."""
    keys = ("names_table", "names_format", "names_argument", "names_print", "names_serial")
    if not names:
        return dict.fromkeys(keys, "")
    printed = "".join(f"        lgn_print({part});\n" for part in ('" ("', "names[best]", '")"'))
    serial = "".join(f"    Serial.print({part});\n" for part in ('" ("', "names[best]", '")"'))
    table = f"\nstatic const char *const names[] = {macro};\n"
    return dict(zip(keys, (table, " (%s)", ", names[best]", printed, serial), strict=True))


def javascript(names: Sequence[str]) -> str:
    """A JavaScript array of strings, in ASCII."""
    return json.dumps(list(names))
