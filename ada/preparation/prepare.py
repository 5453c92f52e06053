"""From audio files to a dataset: the job of one file, and what is done with all of them."""

import os
import time

import tensorflow as tf

from ada.audio import DecoderUnavailableError
from ada.data.dataset import Dataset
from ada.data.spec import SPEC_NAME, Cut, DatasetError, DatasetSpec, Dropped, Noted
from ada.preparation.assembly import assemble, claim, clear_parts
from ada.preparation.audio_job import AudioJob
from ada.preparation.inputs import InputFile, find_files, why_not_audio
from ada.preparation.options import AudioOptions
from ada.preparation.parts import PARTS_DIR, run_missing
from ada.preparation.placement import place
from ada.preparation.report import count_reasons, print_report
from ada.preparation.runners import RunJobs, run_in_process
from ada.preparation.splits import beside, read_maestro_csv
from ada.utils.files import absolute, can_be_read, exclusive, is_remote, join
from ada.utils.jsonable import to_jsonable
from ada.utils.streams import printable


def prepare(
    output_dir: str,
    options: AudioOptions,
    *,
    overwrite: bool = False,
    run_jobs: RunJobs = run_in_process,
) -> DatasetSpec:
    """Makes a dataset of audio files; run again after an interruption, it resumes.

    Args:
      output_dir: where it goes, local or any path that `tf.io.gfile` knows.
      options: what it is made of.
      overwrite: make it again even if it is complete.
      run_jobs: does the jobs of all files, in any order, on any machines.

    Returns:
      The specification of the complete dataset.

    Raises:
      DatasetError: if the options cannot be, the directory holds something else, or no file is
        left; with the counts per reason.
      UserError: if another process is at work there.
    """
    options.check()
    # Workers may have other working directories.
    output_dir = absolute(str(output_dir).rstrip("/") or "/")
    existing = _existing(output_dir, options, overwrite)
    if existing is not None:
        return existing
    inputs = _inputs(options, output_dir)
    claim(output_dir)
    with exclusive(join(output_dir, PARTS_DIR)):
        spec_path = join(output_dir, SPEC_NAME)
        if tf.io.gfile.exists(spec_path):
            # First of all: an interrupted --overwrite must not leave the old data looking new.
            tf.io.gfile.remove(spec_path)
        return _made_of(*inputs, output_dir, options, run_jobs)


def _made_of(
    files: list[InputFile],
    dropped: list[Dropped],
    splits: dict[str, str] | None,
    output_dir: str,
    options: AudioOptions,
    run_jobs: RunJobs,
) -> DatasetSpec:
    """Makes the dataset of what `_inputs` found."""
    start = time.monotonic()
    jobs = [
        AudioJob(
            path=absolute(file.path),
            name=file.name,
            output_dir=output_dir,
            sample_rate=options.sample_rate,
            min_secs=options.min_secs,
            record_steps=options.record_steps,
            decoder=options.decoder,
            is_there=can_be_read(file.path),
        )
        for file in files
    ]
    try:
        missing = run_missing(jobs, run_jobs, lambda job: job.fingerprint()["file_bytes"], "file")
    except DecoderUnavailableError as error:
        raise DatasetError(str(error)) from error
    summaries = {job.name: job.result() for job in jobs}
    kept = {name: summary for name, summary in summaries.items() if not summary.dropped}
    dropped += [s.dropped for s in summaries.values() if s.dropped]
    dropped.sort(key=lambda d: d.path)
    if not kept:
        clear_parts(output_dir)
        raise DatasetError(
            f"No usable audio among {len(dropped)} files: {count_reasons(dropped)}. For example "
            f"{printable(dropped[0].path)}: {printable(dropped[0].detail or dropped[0].reason)}"
        )
    pieces, method, groups = place(output_dir, kept, options, splits)
    worked = sum(summaries[job.name].details.get("secs", 0.0) for job in missing)
    wall = time.monotonic() - start
    spec = assemble(
        output_dir,
        pieces,
        num_shards=options.num_shards,
        kind="audio",
        sample_rate=options.sample_rate,
        hop_length=1,
        num_classes=None,
        dtype="int16",
        record_steps=options.record_steps,
        split_method=method,
        dropped=tuple(dropped),
        cut=tuple(
            Cut(name, summary.details["cut_secs"])
            for name, summary in sorted(kept.items())
            if summary.details["cut_secs"]
        ),
        noted=tuple(
            Noted(name, *note)
            for name, summary in sorted(kept.items())
            for note in summary.details["notes"]
        ),
        grouped=tuple(groups),
        options=to_jsonable(options),
        preparation={
            "decoded_secs": round(worked, 3),
            "wall_secs": round(wall, 3),
            "real_time_factor": round(worked / wall, 1),
        },
    )
    print_report(output_dir, spec)
    return spec


def _existing(output_dir: str, options: AudioOptions, overwrite: bool) -> DatasetSpec | None:
    """The dataset that is there already, if it is complete and what was asked for."""
    if tf.io.gfile.exists(output_dir) and not tf.io.gfile.isdir(output_dir):
        raise DatasetError(f"{output_dir} is a file; name a directory to make.")
    spec_path = join(output_dir, SPEC_NAME)
    if overwrite or not tf.io.gfile.exists(spec_path):
        return None
    spec = Dataset.open(output_dir).spec
    asked = to_jsonable(options)
    there = spec.options
    if there.get("decoder") == "soundfile":  # the default of earlier versions
        there = there | {"decoder": AudioOptions.decoder}
    differing = sorted(k for k in asked if there.get(k) != asked[k])
    if spec.kind != "audio" or differing:
        message = ", ".join(
            f"{key} is {there.get(key)!r} there, {asked[key]!r} asked" for key in differing
        )
        raise DatasetError(
            f"{output_dir} already holds a dataset of {spec.kind}"
            + (f" made with other options ({message})" if spec.kind == "audio" else "")
            + ". Use --overwrite to replace it, or another directory."
        )
    clear_parts(output_dir)
    print(f"{output_dir} is complete already; nothing to do (--overwrite makes it again).")
    _warn_of_changes(output_dir, spec, options)
    return spec


def _warn_of_changes(output_dir: str, spec: DatasetSpec, options: AudioOptions) -> None:
    """Prints a note if input files were added or removed since a dataset was made."""
    try:
        files, dropped, _ = _inputs(options, output_dir)
    except DatasetError:
        print("Its input is not there any more.")
        return
    now = {file.name for file in files} | {d.path for d in dropped}
    then = {s.path for split in spec.splits.values() for s in split.sources}
    then |= {d.path for d in spec.dropped}
    if now != then:
        print(
            f"Note that its input has changed since: {len(now - then)} files are new, "
            f"{len(then - now)} are gone. Use --overwrite to take them in."
        )


def _inputs(
    options: AudioOptions, output_dir: str
) -> tuple[list[InputFile], list[Dropped], dict[str, str] | None]:
    """The files to decode, those that need no decoding to be dropped, and MAESTRO's splits."""
    matched = find_files(options.inputs, exclude_dir=output_dir) if options.inputs else []
    splits = None
    dropped = []
    if options.maestro_csv:
        splits = read_maestro_csv(options.maestro_csv)
        listed = [InputFile(beside(options.maestro_csv, name), name) for name in sorted(splits)]
        if options.inputs:
            asked = {_identity(file.path): file for file in matched}
            known = {_identity(file.path) for file in listed}
            listed = [file for file in listed if _identity(file.path) in asked]
            dropped += [
                Dropped(file.name, "not_in_csv", "MAESTRO's csv does not list it")
                for identity, file in asked.items()
                if identity not in known and why_not_audio(file.path) is None
            ]
        matched = [file for file in listed if tf.io.gfile.exists(file.path)]
        there = {file.name for file in matched}
        dropped += [
            Dropped(file.name, "missing", f"listed in {options.maestro_csv}, but not there")
            for file in listed
            if file.name not in there
        ]
    files = []
    for file in matched:
        why = why_not_audio(file.path)
        if why is None:
            files.append(file)
        else:
            dropped.append(Dropped(file.name, "not_audio", why))
    return files, dropped, splits


def _identity(path: str) -> str:
    return path if is_remote(path) else os.path.realpath(path)
