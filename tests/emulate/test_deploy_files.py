"""The device files are found in an installed package and in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgn_edge import deploy_files
from lgn_edge.errors import InvariantError


def test_the_package_wins_over_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (deploy_files.deploy_folder() / "cortex-m" / "startup.c").is_file()
    package = tmp_path / "site" / "lgn_edge"
    package.mkdir(parents=True)
    monkeypatch.setattr(deploy_files, "__file__", str(package / "deploy_files.py"))
    with pytest.raises(InvariantError, match=r"came without its device files; install lgn-edge again"):
        deploy_files.deploy_folder()
    (tmp_path / "site" / "deploy").mkdir()
    assert deploy_files.deploy_folder() == tmp_path / "site" / "deploy"
    (package / "_deploy").mkdir()
    assert deploy_files.deploy_folder() == package / "_deploy"
