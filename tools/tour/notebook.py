"""The notebook: made of its source, and executed.

The one source is `tour.py` beside this file, in the percent format of jupytext, so that changes can
be read; `tour.ipynb` is made of it (`python -m tools.tour`).
"""

import os
import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbformat import NotebookNode

import ada

FOLDER = Path(__file__).resolve().parent
NOTEBOOK = FOLDER / "tour.ipynb"
# Of a cell; long, for where many share a processor.
TIMEOUT_SECS = 1800


def source() -> NotebookNode:
    """The notebook without results; the same each time."""
    notebook = jupytext.read(FOLDER / "tour.py")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell{number}"  # others would be drawn at each writing
        cell.metadata = NotebookNode()
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(kernel))
    return notebook


def execute(notebook: NotebookNode, steps: int | None = None) -> None:
    """Executes all cells in a process of their own, in a folder that is then removed.

    Args:
      notebook: gets the results.
      steps: of every training; None for what the notebook says.

    Raises:
      nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    # The kernel is to use the same ada, installed or not.
    paths = [str(Path(ada.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    if steps is not None:
        environment["ADA_TOUR_STEPS"] = str(steps)
    with tempfile.TemporaryDirectory(prefix="ada_tour_") as folder:
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT_SECS,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=environment)
