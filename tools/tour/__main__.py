"""Runs the walk through the paper's argument, `tour.py`, and writes `tour.ipynb` with its results.

python -m tools.tour
"""

from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags

FLAGS = flags.FLAGS
value_flags.define_path(
    "output", None, "The notebook to write. Default: tour.ipynb beside its source."
)
flags.DEFINE_integer(
    "steps", None, "Training steps of each model, for a quick try. Default: the notebook's.", 1
)


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    import nbformat
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    from ada.utils.errors import UserError
    from ada.utils.files import write_bytes_atomically
    from tools.tour.notebook import NOTEBOOK, execute, source

    notebook = source()
    print(f"Running {len(notebook.cells)} cells, which takes some minutes.")
    try:
        execute(notebook, FLAGS.steps)
    except (CellExecutionError, DeadKernelError) as error:
        raise UserError(f"a cell failed, and nothing was written.\n{error}") from error
    path = Path(FLAGS.output or NOTEBOOK)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes_atomically(str(path), (nbformat.writes(notebook) + "\n").encode())
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    commands.run(main, tensorflow=False)
