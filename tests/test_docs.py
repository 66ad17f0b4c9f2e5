"""What the documents show is what runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_readme_shows_the_quickstart() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert (ROOT / "examples" / "quickstart.py").read_text().endswith(shown)


def test_the_quickstart_runs(tmp_path: Path) -> None:
    script = ROOT / "examples" / "quickstart.py"
    result = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    right, flash, verified = result.stdout.splitlines()
    assert float(re.findall(r"[\d.]+", right)[0]) >= 95
    assert flash.endswith("bytes on a Cortex-M4")
    assert verified == "11 equal, 0 different, 0 not run"


def test_links_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [(d, link) for d in documents for link in re.findall(r"\]\(([^)#]+)\)", d.read_text())]
    assert links
    for document, link in links:
        assert link.startswith("http") or (document.parent / link).exists(), f"{document.name}: {link}"


def test_benchmarks_and_examples_that_documents_name_exist() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for script in re.findall(r"(?:benchmarks|examples)/\w+\.py", document.read_text()):
            assert (ROOT / script).exists(), f"{document.name} names {script}"
