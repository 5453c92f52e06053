"""The system that a fine-tuning starts from."""

from pathlib import Path

from ada import pretrained
from ada.runs import system_folder
from ada.utils.errors import UserError


def start_of(init_from: str) -> list[str]:
    """Run directories of a system, top first; those of a pretrained one by name.

    Args:
      init_from: name of a pretrained system, or a folder that holds a system.

    Raises:
      UserError: if it is neither.
    """
    if init_from in pretrained.names() and not Path(init_from).exists():
        dirs = pretrained.run_dirs(init_from)
        return [f"{init_from}/{Path(directory).name}" for directory in dirs]
    found = system_folder.read_system(init_from)
    if found is None:
        raise UserError(
            f"--init_from: {init_from} is neither a pretrained system ("
            f"{', '.join(pretrained.names())}) nor a folder that holds one (system.json)."
        )
    return found
