"""Codes as data: a dataset encoded by a run's autoencoder becomes a dataset of codes.

The same audio has different codes if its first few samples are dropped, because the hops of the
encoder then fall elsewhere. A train split encoded at several offsets within the hop gives a prior
more to learn from. Each offset of a source is a source of its own (`SourceSpec.offset`), with the
codes of the audio without its first samples. Validation and test have offset 0 only, so that scores
stay comparable.
"""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from ada.data import SPLITS, Dataset, DatasetError, DatasetSpec, SourceSpec
from ada.data.spec import RECORD_STEPS, SPEC_NAME, codes_dtype
from ada.extraction.job import CodesJob
from ada.preparation.assembly import assemble, claim, pieces_of_part
from ada.preparation.parts import run_missing
from ada.preparation.runners import RunJobs, run_in_process
from ada.runs.run import Run
from ada.runs.upstream import upstream_of
from ada.utils.errors import UserError
from ada.utils.files import absolute, exclusive, join


def extract_codes(
    run_dir: str,
    output_dir: str,
    checkpoint: str = "best",
    overwrite: bool = False,
    data_dir: str | None = None,
    run_jobs: RunJobs = run_in_process,
    num_offsets: int = 1,
) -> DatasetSpec:
    """Encodes all splits of a dataset; run again after an interruption, it resumes.

    Args:
      run_dir: run directory of an autoencoder.
      output_dir: dataset directory to write.
      checkpoint: "best" or "latest".
      overwrite: replace a codes dataset that is there already, if it is of another checkpoint.
      data_dir: the dataset; the one that the run was trained on if None.
      run_jobs: does the jobs of all sources, in any order, on any machines.
      num_offsets: number of offsets, evenly spaced within the hop, at which each source of the
        train split is encoded; if the dataset is codes at several offsets, the numbers multiply.

    Returns:
      The specification of the codes dataset; its `upstream` names run, checkpoint and data.

    Raises:
      UserError: if the run has no codes, the directory holds something else, or the hop is
        shorter than `num_offsets`.
    """
    run = Run.open(run_dir)
    model = run.configured_model()
    if not model.num_codes:
        raise UserError(f"{run_dir} is not an autoencoder with codes.")
    shifts = {"train": shifts_within(model.alignment, num_offsets)}
    dataset = run.open_dataset(data_dir)
    upstream = upstream_of(run, checkpoint, dataset.directory, output_dir)
    # Workers may have other working directories.
    encoded_dir, output_dir = absolute(dataset.directory), absolute(output_dir)
    jobs = [
        CodesJob(
            absolute(run.directory), checkpoint, upstream["digest"], encoded_dir, output_dir, *where
        )
        for where in _sources(dataset, shifts)
    ]
    encoded = {job.name: _encoded(job, model.hop_length, dataset.spec) for job in jobs}
    existing = _existing(output_dir, upstream, set(encoded.values()), overwrite)
    if existing is not None:
        return existing
    claim(output_dir)
    with exclusive(output_dir):
        run_missing(jobs, run_jobs, lambda job: job.source.num_steps, "source")
        pieces = []
        for job in jobs:
            sources = job.result(job.fingerprint()).sources
            pieces += pieces_of_part(job.split, job.part_path, sources, [encoded[job.name]])
        spec = dataset.spec
        return assemble(
            output_dir,
            pieces,
            kind="codes",
            sample_rate=spec.sample_rate,
            hop_length=spec.hop_length * model.hop_length,
            num_classes=model.num_codes,
            dtype=codes_dtype(model.num_codes),
            record_steps=RECORD_STEPS["codes"],
            split_method=spec.split_method,
            dropped=spec.dropped,
            cut=spec.cut,
            upstream=upstream,
        )


def shifts_within(alignment: int, num_offsets: int) -> tuple[int, ...]:
    """Shifts from 0 on, evenly spaced within a hop, or a group of hops, in steps.

    Args:
      alignment: of the autoencoder.
      num_offsets: number of shifts.

    Raises:
      UserError: if there are fewer than `num_offsets`.
    """
    if not 1 <= num_offsets <= alignment:
        raise UserError(
            f"--num_offsets={num_offsets}: within a hop of {alignment} there are 1 to {alignment} "
            "offsets."
        )
    return tuple(number * alignment // num_offsets for number in range(num_offsets))


def _sources(
    dataset: Dataset, shifts: dict[str, tuple[int, ...]]
) -> Iterator[tuple[str, int, SourceSpec, int]]:
    """Split, number, source and shift of all that is to be encoded."""
    for split in SPLITS:
        for number, source in enumerate(dataset.sources(split)):
            for shift in shifts.get(split, (0,)):
                if shift < source.num_steps:
                    yield split, number, source, shift


def _encoded(job: CodesJob, hop: int, spec: DatasetSpec) -> SourceSpec:
    """The entry in `dataset.json` for the codes of a source of another dataset."""
    return dataclasses.replace(
        job.source,
        num_steps=-(-(job.source.num_steps - job.shift) // hop),
        first_step=job.source.first_step // hop,
        offset=job.source.offset + job.shift * spec.hop_length,
    )


def _existing(
    output_dir: str, upstream: dict[str, Any], sources: set[SourceSpec], overwrite: bool
) -> DatasetSpec | None:
    """The dataset that is there already, if it is complete and what was asked for."""
    if os.path.realpath(output_dir) == os.path.realpath(upstream["data_dir"]):
        raise DatasetError(f"{output_dir} is the dataset to be encoded: name another directory.")
    if not tf.io.gfile.exists(join(output_dir, SPEC_NAME)):
        return None
    spec = DatasetSpec.load(output_dir)
    there = {source for split in spec.splits.values() for source in split.sources}
    found = spec.upstream.get("digest")
    if found != upstream["digest"]:
        message = f"of checkpoint {found}, {upstream['run_dir']} is now at {upstream['digest']}"
    elif (at := _num_offsets(there)) != (asked := _num_offsets(sources)):
        message = f"encoded at {at} offset{'s' if at > 1 else ''}, not at {asked}"
    elif there != sources:
        message = f"of {spec.upstream.get('data_dir')}, not of {upstream['data_dir']} as it is now"
    else:
        return spec if Dataset.is_complete(output_dir) else None
    if spec.kind != "codes" or not overwrite:
        raise DatasetError(
            f"{output_dir} holds {spec.kind} {message}: --overwrite replaces codes, or name "
            "another directory."
        )
    return None


def _num_offsets(sources: set[SourceSpec]) -> int:
    return len({source.offset for source in sources})
