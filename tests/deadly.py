"""Jobs in whose midst a worker process is killed. Imported by workers: nothing heavy here."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Deadly:
    """A job that kills its process between two blocks, until a number have died.

    Attributes:
      job: what else it does.
      marks: a directory; in it every death leaves a file.
      deaths: how many there are to be.
    """

    job: Any
    marks: str
    deaths: int

    @property
    def name(self):
        return self.job.name

    def is_done(self):
        return self.job.is_done()

    def run(self, stop):
        return self.job.run(lambda: self._die() or stop())

    def _die(self):
        for number in range(self.deaths):
            try:
                (Path(self.marks) / str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        return False


def run_on_dying_workers(deaths, jobs, marks):
    """Runs jobs on two worker processes of Beam, of which a number die."""
    from ada.preparation import beam

    marks.mkdir(exist_ok=True)
    options = ["--runner=FnApiRunner,--direct_running_mode=multi_processing"]
    options = beam.pipeline_options([*options, "--direct_num_workers=2"])
    beam.run_on_beam([Deadly(job, str(marks), deaths) for job in jobs], options)
