"""The C sources and build files of an artifact, from the templates in deploy/, and numbers as C writes them."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any, ClassVar, Final

from numpy.typing import NDArray

from lgn_edge.deploy_files import deploy_folder

_LEAST: Final = -(2**31)  # of an int, which C has no constant for


class _At(Template):
    """`@{key}`: a delimiter that neither C, make nor CMake uses."""

    delimiter = "@"
    pattern: ClassVar[Any] = r"@(?:(?P<escaped>@)|\{(?P<braced>[a-zA-Z_]+)\}|(?P<named>(?!))|(?P<invalid>(?!)))"


def render(template: str, values: Mapping[str, object], folder: str = "artifact") -> str:
    """The text of `deploy/FOLDER/TEMPLATE` with each `@{key}` replaced; a key without a value is an error."""
    text = (deploy_folder() / folder / template).read_text()
    return _At(text).substitute({key: str(value) for key, value in values.items()})


def c_rows(values: NDArray[Any]) -> str:
    """The elements of an array [rows, n] as the inside of a C initialiser, a line a row."""
    return ",\n".join("    {" + ", ".join(map(c_literal, row)) + "}" for row in values.tolist())


def c_literal(value: float | int) -> str:
    """A C constant of a whole number, or of a float32 exactly."""
    if isinstance(value, int):
        return str(value) if value > _LEAST else "(-2147483647 - 1)"
    return f"{value!r}f" if "." in repr(value) or "e" in repr(value) else f"{value!r}.0f"
