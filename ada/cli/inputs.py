"""Checks of the inputs of commands that need no TensorFlow."""

from pathlib import Path

from absl import flags

from ada.config.bindings import Bindings
from ada.data.spec import DatasetSpec
from ada.preparation import bundled
from ada.runs.run import Run
from ada.utils.files import is_remote, require_local

FLAGS = flags.FLAGS


def check_dataset(directory: str | None) -> None:
    """Checks that a local directory has a valid `dataset.json`; ignores None and remote ones.

    Raises:
      DatasetError: saying what is wrong.
    """
    if directory and not is_remote(directory):
        DatasetSpec.load(directory)


def check_inputs(bindings: Bindings, run_dir: str, data_dir: str | None) -> None:
    """Checks the directories of a training.

    Args:
      bindings: of the model.
      run_dir: to train into.
      data_dir: of the dataset; None for the bundled one.

    Raises:
      UserError: for a run or a dataset that is damaged, or a dataset that is not there.
    """
    require_local(run_dir)
    if data_dir is None:
        # Other values than "audio" and "codes" are refused with the settings.
        bundled.require_audio("codes" if bindings.value("train.kind") == "codes" else "audio")
    check_dataset(data_dir)
    if Run.exists(run_dir):
        Run.open(run_dir)


def run_dir() -> str:
    """--run_dir; by default a folder of `runs` named as the first --gin_file."""
    return FLAGS.run_dir or f"runs/{Path(FLAGS.gin_file[0]).stem}"
