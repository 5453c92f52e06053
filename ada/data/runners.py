"""Doing the jobs of stage 1 in this process, on all cores, with a progress bar."""

import concurrent.futures
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ada.progress import progress_bar


class Job(Protocol):
    """Anything that makes one part."""

    name: str

    def run(self, stop: Callable[[], bool]) -> Any:
        """Makes the part."""

    def is_done(self) -> bool:
        """Whether the part is there."""


def run_in_process(
    jobs: Sequence[Job], *, num_threads: int | None = None, label: str = "Preparing"
) -> None:
    """Runs jobs in threads; decoding, resampling and hashing release Python's lock.

    Args:
      jobs: in any order.
      num_threads: as many as there are cores if None.
      label: in front of the progress bar.
    """
    if not jobs:
        return
    stopped = threading.Event()
    workers = concurrent.futures.ThreadPoolExecutor(num_threads or os.cpu_count() or 1)
    futures = [workers.submit(job.run, stopped.is_set) for job in jobs]
    try:
        with progress_bar(total=len(jobs), desc=label, unit="file") as bar:
            for future in concurrent.futures.as_completed(futures):
                future.result()
                bar.update()
    finally:
        # On an error or Ctrl-C, files that were begun stop at their next block.
        stopped.set()
        workers.shutdown(wait=True, cancel_futures=True)
