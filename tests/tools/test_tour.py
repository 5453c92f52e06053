"""The walk through the argument: it runs, its claims hold, and what is shown is what ran."""

import re

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook
from support import run

from tools.tour.notebook import NOTEBOOK, execute, source

MOST_BYTES = 1.5e6


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def check_whole(notebook):
    """Every cell was executed, in order, without errors, and what is to be seen and heard is."""
    cells, found = code_cells(notebook), outputs(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for output in found} == {"stream", "display_data"}
    assert {output.name for output in found if output.output_type == "stream"} == {"stdout"}
    pictures = [output for output in found if "image/png" in output.get("data", {})]
    players = [o for o in found if "<audio" in o.get("data", {}).get("text/html", "")]
    sections = [cell for cell in notebook.cells if cell.source.startswith("## ")]
    assert len(sections) == 12
    assert len(pictures) >= len(sections)
    assert len(players) == 6


@pytest.mark.long
def test_tour_runs(tmp_path):
    path = tmp_path / "new" / "tour.ipynb"
    process = run("tools.tour", "--steps=40", f"--output={path}")
    assert process.returncode == 0, process.stderr
    assert str(path) in process.stdout
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    check_whole(notebook)
    shown = nbformat.read(NOTEBOOK, as_version=4)
    assert [c.source for c in notebook.cells] == [c.source for c in shown.cells]


def test_notebook_outputs_are_those_of_its_source():
    shown = nbformat.read(NOTEBOOK, as_version=4)
    check_whole(shown)
    pairs = zip(shown.cells, source().cells, strict=True)
    for cell, of_source in pairs:
        assert (cell.cell_type, cell.source) == (of_source.cell_type, of_source.source)
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    message = "".join(output.get("text", "") for output in outputs(shown))
    assert not re.search(r"(^|\s)/\w+/", message)  # no paths of the machine it ran on


def test_every_section_says_whose_it_is_and_checks_what_it_says():
    sections = "\n".join(
        ("\n" + cell.source if cell.cell_type == "markdown" else cell.source)
        for cell in source().cells
    ).split("\n## ")[1:]
    for section in sections:
        title = section.splitlines()[0]
        assert re.search(r"\*\*(Slides|Paper)", section), title
        assert "**Seen.**" in section, title
        assert "\nassert " in section or "    assert " in section, title


def test_a_wrong_claim_fails():
    notebook = new_notebook(cells=[new_code_cell("assert 1 + 1 == 3")])
    with pytest.raises(CellExecutionError, match="AssertionError"):
        execute(notebook)
