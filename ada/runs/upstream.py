"""Codes and the run that made them: which checkpoint it was, and whether it is still there."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ada.data import DatasetSpec
from ada.runs.info import RunInfo
from ada.runs.run import Run
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import absolute, is_remote

if TYPE_CHECKING:
    from ada.data import Dataset


def upstream_of(run: Run, checkpoint: str, data_dir: str, output_dir: str) -> dict[str, Any]:
    """The origin of a dataset of codes, `upstream` in its specification.

    Args:
      run: the autoencoder's run.
      checkpoint: "best" or "latest".
      data_dir: what is encoded.
      output_dir: of the codes.

    Returns:
      `Run.identity`, with `Run.codes_digest` as "digest" and "run_dir" as an absolute path; the
      same from the codes, for trees that were moved; "data_dir"; and, where codes come in groups,
      "group_length".
    """
    run_dir = absolute(run.directory)
    group_length = run.configured_model().quantizer.group_length
    grouped = {"group_length": group_length} if group_length > 1 else {}
    return (
        run.identity(checkpoint)
        | grouped
        | {
            "digest": run.codes_digest(checkpoint),
            "run_dir": run_dir,
            "run_dir_from_codes": None
            if is_remote(output_dir)
            else os.path.relpath(run_dir, output_dir),
            "data_dir": data_dir,
        }
    )


def encoder_checkpoint(codes: RunInfo | DatasetSpec, lower: Run) -> tuple[str | None, str]:
    """Which checkpoint of a run made codes.

    Args:
      codes: a dataset of codes, or a run trained on one.
      lower: the run that should have made them.

    Returns:
      "best" or "latest" and an empty text; or None and what differs, with both values, what says
      most first.
    """
    model = lower.configured_model()
    pairs = {
        "number of codes": (codes.num_classes, model.num_codes),
        "hop_length": (codes.hop_length, lower.info.hop_length * model.hop_length),
        "sample_rate": (codes.sample_rate, lower.info.sample_rate),
    }
    found = [f"{name} {one}, there {other}" for name, (one, other) in pairs.items() if one != other]
    made_by = codes.upstream.get("digest")
    checkpoints = (c for c in ("best", "latest") if lower.codes_digest(c) == made_by)
    checkpoint = next(checkpoints, None)
    if checkpoint is None:
        found.append(f"checkpoint {made_by}, there {lower.codes_digest()}")
    return (None, "; ".join(found)) if found else (checkpoint, "")


def check_upstream(dataset: "Dataset") -> None:
    """Checks that the run that made codes can still decode them, before hours of training.

    If that run does not exist here, a warning is logged.

    Raises:
      UserError: if that run has been trained further since, or makes other codes.
    """
    upstream = dataset.spec.upstream
    mismatch = ""
    for directory in _places(upstream, dataset.directory):
        checkpoint, mismatch = encoder_checkpoint(dataset.spec, Run.open(directory))
        if checkpoint is not None:
            return
    if not mismatch:
        log.warning(
            f"The run that made the codes in {dataset.directory} is not there "
            f"({upstream.get('run_dir', 'it is not named')}): sampling will need it, at checkpoint "
            f"{upstream.get('digest')}."
        )
        return
    raise UserError(
        f"{dataset.directory} holds codes that {directory} does not make any more: {mismatch}. "
        "Nothing trained on them could be sampled: extract codes again (ada.extract_codes "
        "--overwrite) and train on those, in another --run_dir if this one was begun."
    )


def upstream_run(dataset: "Dataset") -> tuple[str, Run]:
    """The checkpoint and the run that made a dataset of codes.

    Raises:
      UserError: if that run is not there.
    """
    for directory in _places(dataset.spec.upstream, dataset.directory):
        lower = Run.open(directory)
        checkpoint, _ = encoder_checkpoint(dataset.spec, lower)
        if checkpoint is not None:
            return checkpoint, lower
    raise UserError(
        f"The run that made the codes in {dataset.directory} is not there "
        f"({dataset.spec.upstream.get('run_dir', 'it is not named')}), and this model needs its "
        "weights to begin with."
    )


def _places(upstream: dict[str, Any], codes_dir: str) -> list[str]:
    """Existing directories of the run: its path, and its path relative to the codes."""
    places = [upstream["run_dir"]] if upstream.get("run_dir") else []
    if upstream.get("run_dir_from_codes"):
        places.append(os.path.normpath(Path(codes_dir) / upstream["run_dir_from_codes"]))
    return [place for place in dict.fromkeys(places) if Run.exists(place)]
