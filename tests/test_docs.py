"""What the documents show is what runs."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from pathlib import Path

from sklearn.datasets import load_wine
from typer.testing import CliRunner

from lgn_edge import load
from lgn_edge.artifact import build
from lgn_edge.cli import app
from lgn_edge.network import flatten
from lgn_edge.nn.discretise import discretise
from lgn_edge.onnx_model import write
from lgn_edge.passes import simplify
from lgn_edge.training import load_checkpoint, load_dataset
from tests.thinning import exhaustive

ROOT = Path(__file__).parents[1]


def test_the_readme_shows_the_quickstart() -> None:
    assert (ROOT / "examples" / "quickstart.py").read_text().endswith(shown()[0])


def shown() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_readme_trains_on_a_table(tmp_path: Path) -> None:
    wine = load_wine()
    names = [f'wine, "{name}" #' for name in wine.target_names]
    rows = [[*values, names[label]] for values, label in zip(wine.data.tolist(), wine.target, strict=True)]
    random.Random(0).shuffle(rows)
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*wine.feature_names, "class"], *rows])
    done = subprocess.run([sys.executable, "-c", shown()[1]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    network = load(tmp_path / "build" / "table" / "table.onnx")
    assert (network.name, network.class_names) == ("table", tuple(names))
    assert float(network.provenance["hard_accuracy"]) > 0.85


@exhaustive
def test_the_quickstart_runs(tmp_path: Path) -> None:
    script = ROOT / "examples" / "quickstart.py"
    result = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    right, flash, verified = result.stdout.splitlines()
    assert float(re.findall(r"[\d.]+", right)[0]) >= 95
    assert flash.endswith("bytes on a Cortex-M4")
    assert verified == "11 equal, 0 different, 0 not run"


def test_the_readme_counts_the_gates_that_every_page_counts(tmp_path: Path) -> None:
    """Trained and simplified gates belong to the network; what is scheduled belongs to a target."""
    network = discretise(load_checkpoint(ROOT / "tests" / "data" / "digits"))
    simplified = simplify(flatten(network))[0].n_gates
    write(network, tmp_path / "digits.onnx")
    shown = CliRunner().invoke(app, ["inspect", str(tmp_path / "digits.onnx"), "--json"])
    pages = [json.loads(shown.stdout)]
    pages += [build(network, target, tmp_path / target).report for target in ("native", "cortex-m4")]
    assert {(page["gates"], page["gates_simplified"]) for page in pages} == {(network.n_gates, simplified)}
    readme = (ROOT / "README.md").read_text()
    digits = load_dataset("digits")
    right = 100 * (network.evaluate(digits.test_x).classes == digits.test_y).mean()
    assert f"| accuracy on {len(digits.test_y)} held-out images, in every form the same | {right:.2f} % |" in readme
    assert f"| gates trained, simplified | {network.n_gates:,}, {simplified:,} |" in readme
    report = (tmp_path / "native" / "report.md").read_text()
    assert (
        f"| gates | {network.n_gates} trained, {simplified} simplified, {pages[1]['gates_scheduled']} scheduled |"
        in report
    )


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


def test_two_pages_give_the_same_figures_of_onnx_runtime() -> None:
    """The README has them side by side for the two networks, the page has a column for each."""
    rows = {
        "plain ONNX Runtime, one thread, 1,024 samples": "standard, 1,024 samples",
        "ONNX Runtime with our library": "with our library, 1,024 samples",
    }
    for short, long in rows.items():
        (readme,), columns = figures("README.md", short), figures("docs/onnx-runtime.md", long)
        assert readme == [each for pair in zip(*columns, strict=True) for each in pair]


def figures(page: str, row: str) -> list[list[str]]:
    """The numbers of each cell that has some, behind the title of a table's row."""
    found = re.search(rf"^\| {re.escape(row)}[^|]*\|(.*)\|$", (ROOT / page).read_text(), re.MULTILINE)
    assert found
    cells = [re.findall(r"\d[\d.]*", cell) for cell in found[1].split("|")]
    return [cell for cell in cells if cell]
