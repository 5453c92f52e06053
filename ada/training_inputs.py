"""What a training is given, as far as it can be told without TensorFlow."""

from ada import bundled
from ada.bindings import Bindings
from ada.data.spec import check_dataset
from ada.files import require_local
from ada.runs import Run


def check_inputs(bindings: Bindings, run_dir: str, data_dir: str | None) -> None:
    """Refuses directories that cannot be used.

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
