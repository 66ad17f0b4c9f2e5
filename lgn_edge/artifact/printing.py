"""What examples print of a prediction, in the words of each place they print to: a class, a score, or bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lgn_edge.artifact.manifest import Manifest


@dataclass(frozen=True)
class _Place:
    """Statements that print a literal's text, a string and a number, and that end a line."""

    text: str
    string: str
    number: str
    end: str


_PLACES: Final = {
    "print_hosted": _Place('printf("{}");', 'printf("%s", {});', 'printf("%ld", (long){});', 'printf("\\n");'),
    "print_bare": _Place('lgn_print("{}");', "lgn_print({});", "lgn_print_number((int32_t){});", 'lgn_print("\\n");'),
    "print_avr": _Place('print("{}");', "print({});", "print_number((int32_t){});", 'print("\\n");'),
    "print_serial": _Place('Serial.print("{}");', "Serial.print({});", "Serial.print({});", "Serial.println();"),
}
_INDENTS: Final = {"print_hosted": 8, "print_bare": 8, "print_avr": 16, "print_serial": 4}


def print_values(manifest: Manifest, macro: str) -> dict[str, str]:
    """Values of the templates' keys: the statements of each place, the table of names, and JavaScript's expression.

    On AVR a table of names would lie in RAM, and is left out.
    """
    table = f"\nstatic const char *const names[] = {macro};\n" if manifest.class_names else ""
    statements = {}
    for key, place in _PLACES.items():
        names = () if key == "print_avr" else manifest.class_names
        lines = _lines(manifest, names, place)
        statements[key] = "\n".join(" " * _INDENTS[key] + line for line in lines)
    return {**statements, "names_table": table, "line_js": _javascript(manifest)}


def _lines(manifest: Manifest, names: Sequence[str], place: _Place) -> list[str]:
    def text(words: str) -> str:
        return place.text.replace("{}", words)

    string, number = _filled(place.string), _filled(place.number)
    if manifest.decides:
        name = [text(" ("), string("names[best]"), text(")")] if names else []
        return [text("class "), number("best"), *name, text(", score "), number("scores[best]"), place.end]
    if manifest.tau is not None:
        return [text("score "), number("scores[0]"), place.end]
    named = [string("names[bit]"), text("=")] if names else []
    each = [*named, number("scores[bit]"), *([text(" ")] if names else [])]
    loop = [f"for (size_t bit = 0u; bit < LGN_{manifest.name.upper()}_CLASSES; bit++) {{"]
    return [text("bits "), *loop, *(f"    {line}" for line in each), "}", place.end]


def _filled(statement: str) -> Callable[[str], str]:
    return lambda expression: statement.replace("{}", expression)


def _javascript(manifest: Manifest) -> str:
    """An expression of `scores` and `classes`, and the number `s` of a sample."""
    if manifest.decides:
        name = " (${CLASS_NAMES[classes[s]]})" if manifest.class_names else ""
        return f"`class ${{classes[s]}}{name}, score ${{scores[s * CLASSES + classes[s]]}}`"
    if manifest.tau is not None:
        return "`score ${scores[s]}`"
    bits = "Array.from(scores.subarray(s * CLASSES, (s + 1) * CLASSES)"
    if manifest.class_names:
        return f'`bits ${{{bits}, (bit, i) => `${{OUTPUT_NAMES[i]}}=${{bit}} `).join("")}}`'
    return f'`bits ${{{bits}).join("")}}`'
