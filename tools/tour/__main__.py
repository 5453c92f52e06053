"""Runs the walk through the paper's argument and writes it as a notebook with its results.

python -m tools.tour

The one source is `tour.py` beside this file, in the percent format of jupytext, so that changes can
be read; `tour.ipynb` is made of it, to be looked at and to be tried out in Jupyter.
"""

import os
import tempfile
from pathlib import Path

import jupytext
import nbformat
from absl import flags
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import ada
from ada import commands, log
from ada.data.spec import write_text_atomically
from ada.errors import UserError

FLAGS = flags.FLAGS
FOLDER = Path(__file__).resolve().parent
flags.DEFINE_string("output", str(FOLDER / "tour.ipynb"), "The notebook to write.")
flags.DEFINE_integer(
    "steps", None, "Training steps of each model, for a quick try. Default: the notebook's.", 1
)
# A cell takes no longer even where many share a processor.
CELL_TIMEOUT_SECS = 1800


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    notebook = source()
    log.info(f"Running {len(notebook.cells)} cells, which takes some minutes.")
    try:
        run(notebook, FLAGS.steps)
    except CellExecutionError as error:
        raise UserError(f"a cell failed; nothing was written.\n{error}") from error
    write_text_atomically(FLAGS.output, nbformat.writes(notebook) + "\n")
    log.info(f"{FLAGS.output}: {Path(FLAGS.output).stat().st_size / 1e6:.2f} MB")


def source() -> nbformat.NotebookNode:
    """The notebook without results; the same each time."""
    notebook = jupytext.read(FOLDER / "tour.py")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell{number}"  # a new one would be drawn at each writing
        cell.metadata = {}
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return notebook


def run(notebook: nbformat.NotebookNode, steps: int | None = None) -> None:
    """Executes all cells in a process of their own, which leaves no files.

    Args:
      notebook: gets the results.
      steps: of every training; None for what the notebook says.

    Raises:
      CellExecutionError: if one fails.
    """
    # The kernel is to use the same ada, installed or not.
    paths = [str(Path(ada.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    if steps is not None:
        environment["ADA_TOUR_STEPS"] = str(steps)
    with tempfile.TemporaryDirectory(prefix="ada_tour_") as folder:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_SECS,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=environment)


if __name__ == "__main__":
    commands.run(main, tensorflow=False)
