"""Clips in the making: one job at a time, its sound to be heard while it grows."""

import contextlib
import dataclasses
import functools
import itertools
import shlex
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ada.audio.writing import pcm16
from ada.cli.sample_page import write_sample_page
from ada.generation.chain import load_levels
from ada.generation.clips import make_clips, settings_of
from ada.generation.level import Level, SamplingConfig
from ada.generation.streaming import Block
from ada.playing.clip_spec import ClipSpec, request_of, sampling_configs
from ada.playing.systems import System
from ada.runs.chain import Chain
from ada.utils import log
from ada.utils.errors import UserError

MOST_WAITING = 8
_KEPT_SYSTEMS = 2
_KEPT_JOBS = 20  # that are over: their sound is in memory


@dataclasses.dataclass
class Job:
    """A clip that is to be made, is being made, or was made.

    Attributes:
      number: counts up.
      spec: its settings.
      directory: where it is kept.
      state: "waiting", "loading", "playing", "done", "stopped" or "failed".
      error: what went wrong.
      blocks: int16 `[samples]` each, in order.
      num_steps: samples in all; 0 while it is not known.
      began: when the first block was asked for, `time.monotonic`.
    """

    number: int
    spec: ClipSpec
    directory: Path
    state: str = "waiting"
    error: str = ""
    blocks: list[np.ndarray] = dataclasses.field(default_factory=list)
    num_steps: int = 0
    began: float = 0.0
    changed: threading.Condition = dataclasses.field(default_factory=threading.Condition)
    is_wanted: bool = True

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("done", "stopped", "failed")

    def set_state(self, state: str, error: str = "") -> None:
        """Changes the state, and tells those who wait."""
        with self.changed:
            self.state, self.error = state, error
            self.changed.notify_all()

    def add(self, samples: np.ndarray) -> None:
        """Adds sound."""
        with self.changed:
            self.blocks.append(samples)
            self.changed.notify_all()

    def sound(self) -> Iterator[np.ndarray]:
        """All sound so far, then what comes, until it is over."""
        for position in itertools.count():
            with self.changed:
                self.changed.wait_for(lambda p=position: len(self.blocks) > p or self.is_over)
                if len(self.blocks) <= position:
                    return
            yield self.blocks[position]

    def described(self) -> dict[str, Any]:
        """The state of the job for the page."""
        made = sum(map(len, self.blocks))
        left = None
        if self.state == "playing" and made and time.monotonic() - self.began > 1.0:
            left = (self.num_steps - made) * (time.monotonic() - self.began) / made
        return {
            "number": self.number,
            "title": self.directory.name,
            "state": self.state,
            "error": self.error,
            "seed": self.spec.seed,
            "made": made / max(self.num_steps, 1),
            "secsLeft": left and round(left),
        }


class JobQueue:
    """Makes clips one after the other, in a thread of its own.

    Args:
      output_dir: gets a folder for every clip.
    """

    def __init__(self, output_dir: Path) -> None:
        self._output_dir = output_dir
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._waiting: list[Job] = []
        self._woken = threading.Condition()
        self._levels: dict[tuple, tuple[Chain, list[Level]]] = {}
        self._chosen: System | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self, spec: ClipSpec) -> Job:
        """Queues a clip.

        Raises:
          UserError: if many wait already.
        """
        with self._woken:
            if len(self._waiting) >= MOST_WAITING:
                raise UserError(f"{MOST_WAITING} clips wait already: stop one, or wait for one.")
            job = Job(next(self._numbers), spec, self._free_directory(spec.title))
            self._jobs[job.number] = job
            over = [number for number, old in self._jobs.items() if old.is_over]
            for number in over[:-_KEPT_JOBS]:
                del self._jobs[number]
            self._waiting.append(job)
            self._woken.notify_all()
        return job

    def load(self, system: System) -> None:
        """Loads a system while no clip waits, so that the next clip of it begins sooner."""
        with self._woken:
            self._chosen = system
            self._woken.notify_all()

    def job(self, number: int) -> Job | None:
        """The job of a number."""
        return self._jobs.get(number)

    def present(self) -> list[Job]:
        """The running job, then the waiting ones."""
        with self._woken:
            return [job for job in self._jobs.values() if not job.is_over]

    def stop(self, job: Job) -> None:
        """Ends a job at its next block; what is not begun is not begun."""
        with self._woken:
            job.is_wanted = False
            if job in self._waiting:
                self._waiting.remove(job)
                job.set_state("stopped")

    def _free_directory(self, title: str) -> Path:
        taken = {job.directory.name for job in self._jobs.values() if not job.is_over}
        for number in itertools.count(1):
            name = title if number == 1 else f"{title}-{number}"
            if name not in taken and not (self._output_dir / name).exists():
                return self._output_dir / name
        raise AssertionError

    def _work(self) -> None:
        while True:
            with self._woken:
                self._woken.wait_for(lambda: self._waiting or self._chosen)
                if self._waiting:
                    task = functools.partial(self._run, self._waiting.pop(0))
                else:
                    task = functools.partial(self._load, self._chosen)
                    self._chosen = None
            task()

    def _load(self, system: System) -> None:
        with contextlib.suppress(Exception):  # a clip of it will say what is wrong
            self._loaded(system, sampling_configs(system))

    def _run(self, job: Job) -> None:
        job.state = "loading"
        try:
            self._make(job)
            job.set_state("done")
        except _Stopped:
            job.set_state("stopped")
        except UserError as error:
            job.set_state("failed", str(error))
        except Exception as error:  # the page goes on, whatever one clip ran into
            log.warning(f"{job.directory.name}: {error!r}")
            job.set_state("failed", f"{type(error).__name__}: {error}"[:300])

    def _make(self, job: Job) -> None:
        spec = job.spec
        chain, levels = self._loaded(spec.system, spec.configs())
        request, given = request_of(chain, spec)
        job.num_steps = request.num_steps
        configs = spec.configs()[-len(request.chain.runs) :]
        settings = settings_of(
            request,
            configs,
            mode=spec.sample_mode,
            given=given,
            run_dirs=spec.known_as,
        )
        job.began = time.monotonic()
        job.set_state("playing")

        def hear(block: Block, _: float) -> None:
            job.add(pcm16(block.audio[0]))
            if not job.is_wanted:
                raise _Stopped

        report = make_clips(
            job.directory,
            request,
            configs,
            settings,
            levels=levels[-len(request.chain.runs) :],
            on_block=hear,
        )
        command = f"python -m ada.sample {shlex.join(spec.flags())}"
        write_sample_page(job.directory, report, command)

    def _loaded(self, system: System, configs: list[SamplingConfig]) -> tuple[Chain, list[Level]]:
        """Chain and compiled levels of a system; those of the last few are kept."""
        key = system.name, tuple(config.top_p for config in configs)
        if key not in self._levels:
            chain = Chain.open(system.run_dirs)
            self._levels[key] = chain, load_levels(chain, configs)
            while len(self._levels) > _KEPT_SYSTEMS:
                self._levels.pop(next(iter(self._levels)))
        self._levels[key] = self._levels.pop(key)
        return self._levels[key]


class _Stopped(Exception):  # noqa: N818 - it is what was wanted
    pass
