"""Directories of versions, as TensorFlow Serving wants them."""

from pathlib import Path

from ada.utils.errors import UsageError, UserError
from ada.utils.files import require_local
from ada.utils.made import require_replaceable

COMMAND = "ada.export"
# Files of exports of before these were marked.
_FILES = r"(saved_model|fingerprint)\.pb|(variables|assets|assets\.extra)/.+"


def check_output(output_dir: str, overwrite: bool) -> Path:
    """The directory of a version that can be written.

    Raises:
      UsageError: if its name is not a number.
      UserError: if it is there; with `overwrite`, if it is anything but an export.
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
    require_replaceable(path, COMMAND, _FILES)
    return path
