"""Directories of versions, as TensorFlow Serving wants them."""

from pathlib import Path

from ada.utils.errors import UsageError, UserError
from ada.utils.files import require_local


def check_output(output_dir: str, overwrite: bool) -> Path:
    """The directory of a version that can be written.

    Raises:
      UsageError: if its name is no number.
      UserError: if it is there.
    """
    require_local(output_dir)
    path = Path(output_dir).resolve()
    if not (path.name.isascii() and path.name.isdecimal()):
        raise UsageError(
            f"--output_dir={output_dir}: TensorFlow Serving wants a model's versions to be "
            f"numbers; name {Path(output_dir) / '1'}"
        )
    if path.exists() and not overwrite:
        raise UserError(
            f"{output_dir} is there already: name the next version, or give --overwrite."
        )
    return path
