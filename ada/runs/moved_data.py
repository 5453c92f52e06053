"""Finds the dataset of a run, also after it was moved."""

import contextlib
import os
from pathlib import Path

from ada.data.spec import SPEC_NAME, DatasetSpec
from ada.runs.info import RunInfo
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import exists


def find_data(run_dir: str, info: RunInfo, spec: DatasetSpec) -> str:
    """The directory of the dataset that a run was trained on; where it was if it is not found.

    Args:
      run_dir: directory of the run.
      info: of the run; the dataset is looked for at its two paths first.
      spec: of the dataset.
    """
    places = [info.data_dir]
    if info.data_dir_from_run:
        places.append(os.path.normpath(Path(run_dir) / info.data_dir_from_run))
    there = next((d for d in places if exists(d)), None)
    return there or (info.data_dir and _nearby(run_dir, spec)) or info.data_dir


def _nearby(run_dir: str, spec: DatasetSpec) -> str | None:
    """A dataset with the same content, beside the run, above that, or in ./data."""
    from ada.data import Dataset

    run = Path(run_dir).resolve()
    for folder in (run.parent, run.parent.parent, Path.cwd() / "data"):
        for path in sorted(folder.glob(f"*/{SPEC_NAME}")):
            with contextlib.suppress(UserError):  # it is damaged, or a run without data
                if Dataset.open(str(path.parent)).spec.splits == spec.splits:
                    log.info(f"{run_dir}: its data are now in {path.parent}.")
                    return str(path.parent)
    return None
