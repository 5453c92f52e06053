"""Jobs that make one part each, and doing them in this process with a progress bar."""

import concurrent.futures
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ada.utils.errors import UserError
from ada.utils.files import can_be_read
from ada.utils.progress import progress_bar


class Interrupted(Exception):  # noqa: N818 - it is no error
    """A job stopped because it was asked to."""


class Job(Protocol):
    """Anything that makes one part: plain data, so that it can be sent to a worker anywhere."""

    name: str

    def run(self, stop: Callable[[], bool]) -> Any:
        """Makes the part; raises Interrupted if `stop`, asked now and then, says so."""

    def is_done(self) -> bool:
        """Whether the part is there."""


def require_seen(path: str) -> None:
    """Raises UserError, naming this machine, for what the process that made a job could read."""
    if not can_be_read(path):
        raise UserError(
            f"{path} is there for the command, but the worker on {socket.gethostname()} cannot "
            "open it: is the folder mounted there, at the same path?"
        )


RunJobs = Callable[[Sequence[Job]], None]


def run_in_process(
    jobs: Sequence[Job],
    *,
    num_threads: int | None = None,
    label: str = "Preparing",
    unit: str = "file",
) -> None:
    """Runs jobs in threads; what takes long in them releases Python's lock.

    Args:
      jobs: in any order.
      num_threads: as many as there are cores if None.
      label: in front of the progress bar.
      unit: what a job is about.
    """
    if not jobs:
        return
    stopped = threading.Event()
    workers = concurrent.futures.ThreadPoolExecutor(num_threads or os.cpu_count() or 1)
    futures = [workers.submit(job.run, stopped.is_set) for job in jobs]
    try:
        with progress_bar(total=len(jobs), desc=label, unit=unit) as bar:
            for future in concurrent.futures.as_completed(futures):
                future.result()
                bar.update()
    finally:
        # On an error or Ctrl-C, files that were begun stop at their next block.
        stopped.set()
        workers.shutdown(wait=True, cancel_futures=True)
