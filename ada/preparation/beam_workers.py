"""Worker processes of Beam's local runner whose death is noticed.

Beam 2.60 to 2.77 wait for ever for the answer of a worker process that was killed. Here the
pipeline fails instead, as it does on runners for several machines once they give up.
"""

import contextlib
import threading

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    SubprocessSdkWorkerHandler,
    WorkerHandler,
)


class WorkerDiedError(RuntimeError):
    """A worker process ended before its work was done."""


@WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class WatchedWorker(SubprocessSdkWorkerHandler):
    """Replaces Beam's own handler in the process that imports this module."""

    def start_worker(self) -> None:
        """Starts the process and a thread that watches it."""
        self._closed = threading.Event()
        super().start_worker()
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Asks the process to end, and waits for it."""
        self._closed.set()
        super().close()

    def _watch(self) -> None:
        self.worker_thread.join()
        # More may be asked of it after its death.
        while not self._closed.wait(0.5):
            with contextlib.suppress(RuntimeError):  # a request came while all were answered
                self.control_conn.abort(WorkerDiedError("a worker process died"))
