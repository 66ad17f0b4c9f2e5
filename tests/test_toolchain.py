"""The C toolchain where its surroundings are odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge import toolchain
from lgn_edge.errors import InputError


def test_a_cache_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """zig itself would try to make it again and again."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    source = tmp_path / "empty.c"
    source.write_text("int lgn_nothing;\n")
    with pytest.raises(InputError, match="set XDG_CACHE_HOME"):
        toolchain.compile_c(source, tmp_path / "empty.o", toolchain.Machine("wasm32-freestanding"))
