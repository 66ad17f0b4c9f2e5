"""The C sources and build files of an artifact, from the templates in deploy/artifact/."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any, ClassVar

from lgn_edge.deploy_files import deploy_folder


class _At(Template):
    """`@{key}`: a delimiter that neither C, make nor CMake uses."""

    delimiter = "@"
    pattern: ClassVar[Any] = r"@(?:(?P<escaped>@)|\{(?P<braced>[a-zA-Z_]+)\}|(?P<named>(?!))|(?P<invalid>(?!)))"


def render(template: str, values: Mapping[str, object], folder: str = "artifact") -> str:
    """The text of `deploy/FOLDER/TEMPLATE` with each `@{key}` replaced; a key without a value is an error."""
    text = (deploy_folder() / folder / template).read_text()
    return _At(text).substitute({key: str(value) for key, value in values.items()})
