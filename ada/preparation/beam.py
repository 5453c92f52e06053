"""Doing jobs on Apache Beam: the local runner on all cores, or any other.

The DoFn is a class of the installed package and jobs are plain data, so that workers elsewhere
find both. Beam is an extra: nothing else in `ada.data` imports this module.
"""

import contextlib
import difflib
import logging
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import ada
from ada.data.spec import DatasetError
from ada.preparation.runners import Interrupted, Job
from ada.utils.errors import first_line, with_hint
from ada.utils.progress import progress_bar

# Beam warns of Google's client libraries, which local work does not need, as it is imported.
logging.disable(logging.WARNING)
import apache_beam as beam  # noqa: E402
from apache_beam.options.pipeline_options import PipelineOptions  # noqa: E402
from apache_beam.runners import create_runner  # noqa: E402
from apache_beam.runners.runner import PipelineResult  # noqa: E402
from apache_beam.runners.worker import sdk_worker  # noqa: E402

from ada.preparation.beam_workers import WorkerDiedError  # noqa: E402

logging.disable(logging.NOTSET)

# Beam's own default for local work may fetch another runner (Prism) from the net and then uses
# one core. This one is part of the package. Decoding, resampling and hashing release Python's
# lock, and threads start at once; processes, which each import TensorFlow, scale further.
_THREADS_UP_TO_CORES = 8
_LOCAL_OPTIONS = (
    "--runner=FnApiRunner",
    "--direct_num_workers=0",
    "--default_sdk_harness_log_level=ERROR",
)
# Beam asks for the whole name of this runner.
_SHORT_NAMES = {"--runner=DaskRunner": "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"}
# How often what is missing is done again where a worker died.
RETRIES = 2
# How long jobs may take to notice that they are to stop.
_STOPPING_SECS = 30.0
# An error of this package in a worker's traceback, and what Beam puts behind it.
_OUR_ERROR = re.compile(r"^ada\.[\w.]+Error: (.*?)(?: \[while running .*)?$", re.M)


# Of this process, whose threads may be the workers: whether jobs are to stop, and which run.
_stopping = threading.Event()
_at_work: set[str] = set()


class RunJob(beam.DoFn):
    """Runs a job; yields its name in bytes, as it may be no UTF-8, unless it was asked to stop."""

    def process(self, job: Any) -> Iterator[bytes]:
        """Makes one part."""
        _at_work.add(job.name)
        try:
            job.run(_stopping.is_set)
        except Interrupted:
            return
        finally:
            _at_work.discard(job.name)
        yield job.name.encode("utf-8", "surrogatepass")


def pipeline_options(values: Sequence[str] = ()) -> PipelineOptions:
    """Options of a Beam pipeline from flag values; the local runner on all cores if none is named.

    Args:
      values: each `--name=value`, or several with commas between (`--a=1,--b=2`).

    Raises:
      DatasetError: for what does not begin with `--`, or a runner or another option that Beam does
        not know.
    """
    options: list[str] = []
    for value in values:
        # Commas within a value are kept: only one before the next option separates.
        first, *others = value.split(",--")
        options += [first.strip(), *("--" + other.strip() for other in others)]
    options = [_SHORT_NAMES.get(option, option) for option in options]
    for option in options:
        if not option.startswith("--"):
            raise DatasetError(f"Beam's options are written --name=value; got {option!r}.")
    if not any(option.startswith("--runner") for option in options):
        threads = (os.cpu_count() or 1) <= _THREADS_UP_TO_CORES
        mode = "multi_threading" if threads else "multi_processing"
        options = [*_LOCAL_OPTIONS, f"--direct_running_mode={mode}", *options]
    _import_runner(options)
    try:
        parsed = PipelineOptions(options)
        known = parsed.get_all_options()
        # A runner of another package brings options of its own, which Beam passes on.
        others = parsed.get_all_options(retain_unknown_options=True).keys() - known.keys()
    except SystemExit as error:
        raise DatasetError(f"Beam does not accept the options {' '.join(options)}.") from error
    if others:
        names = ", ".join(f"--{name}" for name in sorted(others))
        near = [n for o in others for n in difflib.get_close_matches(o, known, n=1)]
        mean = f" Did you mean --{', --'.join(near)}?" if near else ""
        raise DatasetError(f"Beam knows no option {names}: leave it out.{mean}")
    return parsed


def _import_runner(options: Sequence[str]) -> None:
    """Raises DatasetError for a runner that is not there; some have options of their own."""
    named = [option.partition("=")[2] for option in options if option.startswith("--runner=")]
    for name in named:
        try:
            create_runner(name)
        except (ImportError, ValueError, AttributeError) as error:
            raise DatasetError(f"Beam: {first_line(error).rstrip('.')}.") from error


def run_on_beam(
    jobs: Sequence[Job],
    options: PipelineOptions,
    *,
    label: str = "Preparing",
    unit: str = "file",
) -> None:
    """Runs jobs on Beam and shows how many parts are finished.

    If a local worker process dies (killed, or out of memory), what is missing is done again, at
    most `RETRIES` times; runners for several machines do so themselves. A job that fails for a
    reason of its own is not tried again.

    Args:
      jobs: in any order; their output directory must be one that the workers can reach.
      options: of the pipeline.
      label: in front of the progress bar.
      unit: what a job is about.

    Raises:
      DatasetError: if the pipeline fails; in one line.
    """
    for name in ("apache_beam", "distributed"):  # the second one is Dask's
        logging.getLogger(name).setLevel(logging.ERROR)
    _let_workers_find_ada()
    missing, retries = list(jobs), RETRIES
    with _stderr_in_a_file() as (terminal, log):
        while missing:
            try:
                with _shown(missing, label, unit, terminal):
                    _run_pipeline(missing, options, terminal)
                return
            except Exception as error:
                if not (retries and isinstance(error, WorkerDiedError)):
                    raise DatasetError(
                        f"The Beam pipeline failed: {_what_it_was(error)} (all of it: {log})"
                    ) from error
            retries -= 1
            missing = [job for job in missing if not job.is_done()]
            message = f"doing what is missing again, {len(missing)} of {len(jobs)} {unit}s"
            print(f"Warning: A worker process died: {message}.", file=terminal)


def _run_pipeline(jobs: Sequence[Job], options: PipelineOptions, terminal: TextIO) -> None:
    pipeline = beam.Pipeline(options=options)
    # Without the reshuffle a runner would fuse everything and use one worker.
    _ = pipeline | beam.Create(list(jobs)) | beam.Reshuffle() | beam.ParDo(RunJob())
    _stopping.clear()
    result = None
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except BaseException as error:
        # Beam does not wait for its threads; Python would end in the midst of what they do.
        _stopping.set()
        if not isinstance(error, Exception):
            _mute_workers()
            _cancel(result, terminal)
        deadline = time.monotonic() + _STOPPING_SECS
        while _at_work and time.monotonic() < deadline:
            time.sleep(0.05)
        raise


def _cancel(result: PipelineResult | None, terminal: TextIO) -> None:
    """Stops a job that runs elsewhere, or reports that it is still running."""
    if result is None:  # local runners do their work in `run`
        return
    try:
        result.cancel()
    except Exception as error:  # runners have errors of many kinds, and some cannot cancel
        print(
            f"\nWarning: The job goes on, as it cannot be cancelled ({first_line(error)}): "
            "cancel it where it runs, before you give the command again.",
            file=terminal,
        )
    else:
        print("\nThe job was cancelled.", file=terminal)


def _mute_workers() -> None:
    """Threads of Beam that an interruption leaves behind print that their pipeline is gone."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    sdk_worker.print = lambda *_, **__: None


def _what_it_was(error: Exception) -> str:
    """Whatever a worker met arrives as text: the message of our own error, or the last line."""
    ours = _OUR_ERROR.findall(str(error))
    lines = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
    # Of other errors a worker's last line tells the module too.
    what = re.sub(r"^[\w.]+Error: | \[while running .*", "", (ours or lines)[-1].strip())
    return with_hint(what)


@contextlib.contextmanager
def _stderr_in_a_file() -> Iterator[tuple[TextIO, str]]:
    """Keeps what worker processes say while they start off the terminal; a failure keeps the file.

    Yields:
      What was stderr, and the path of the file.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    held, path = tempfile.mkstemp(prefix="ada-beam-", suffix=".log")
    os.dup2(held, 2)
    os.close(held)
    failed = False
    try:
        with os.fdopen(os.dup(kept), "w", buffering=1) as terminal:
            yield terminal, path
    except Exception:
        failed = True
        raise
    finally:
        if not failed:
            Path(path).unlink()
        os.dup2(kept, 2)
        os.close(kept)


def _let_workers_find_ada() -> None:
    """Local workers are new Python processes: they get this package on their path too."""
    root = str(Path(ada.__file__).resolve().parent.parent)
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if root not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join([root, *filter(None, known)])


@contextlib.contextmanager
def _shown(jobs: Sequence[Job], label: str, unit: str, terminal: TextIO) -> Iterator[None]:
    """Shows how many jobs are done, within the context."""
    finished = threading.Event()
    watcher = threading.Thread(target=_watch, args=(jobs, finished, label, unit, terminal))
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()


def _watch(
    jobs: Sequence[Job], finished: threading.Event, label: str, unit: str, terminal: TextIO
) -> None:
    waiting = list(jobs)
    with progress_bar(total=len(jobs), desc=label, unit=unit, file=terminal) as bar:
        while waiting:
            last_look = finished.is_set()
            started = time.monotonic()
            still = [job for job in waiting if not job.is_done()]
            bar.update(len(waiting) - len(still))
            waiting = still
            if last_look:
                return
            # Where looking is slow (many files, a remote directory), look less often.
            finished.wait(max(0.5, 5 * (time.monotonic() - started)))
