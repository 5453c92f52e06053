"""What a training is given, as far as it can be told without TensorFlow."""

from ada import bundled
from ada.bindings import Bindings
from ada.data.spec import DatasetSpec
from ada.files import is_remote, require_local
from ada.runs import Run


def check_inputs(bindings: Bindings, run_dir: str, data_dir: str | None) -> None:
    """Refuses directories that cannot be.

    Args:
      bindings: of the model.
      run_dir: to train into.
      data_dir: of the dataset; None for the bundled one.

    Raises:
      UserError: for a run or a dataset that is damaged, or a dataset that is not there.
    """
    require_local(run_dir)
    if data_dir is None:
        bundled.require_audio(bindings.value("train.kind") or "audio")
    elif not is_remote(data_dir):
        DatasetSpec.load(data_dir)
    if Run.exists(run_dir):
        Run.open(run_dir)
