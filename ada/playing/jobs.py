"""Clips in the making: one job at a time, its sound to be heard while it grows."""

import dataclasses
import itertools
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ada.audio.writing import pcm16
from ada.cli.sample_page import write_sample_page
from ada.generation import modes
from ada.generation.chain import load_levels
from ada.generation.clips import make_clips, settings_of
from ada.generation.level import Level, SamplingConfig
from ada.generation.prompts import read_prompt
from ada.generation.results import REPORT
from ada.generation.streaming import Block
from ada.playing.systems import System
from ada.runs.chain import Chain
from ada.utils import log
from ada.utils.errors import UserError

MOST_WAITING = 8
_KEPT_SYSTEMS = 2
_KEPT_JOBS = 20  # that are over: their sound is in memory
_MODES = {
    "new": "ancestral",
    "continue": "continue",
    "variation": "primed",
    "translate": "upsample",
}


class Wish(NamedTuple):
    """What somebody wants to hear.

    Attributes:
      mode: "new"; "continue", more of a prompt; "variation", which begins as a prompt does; or
        "translate", a prompt through the codes.
      system: what makes it.
      secs: length of what is made. Of a translation, how much of the prompt is taken.
      seed: decides the random numbers.
      temperature: of the top level.
      top_p: of the bottom level.
      prompt: an audio file; None for something new.
      listen_secs: how much of the prompt is listened to, from its beginning.
      levels: of a translation: through how many levels of codes.
    """

    mode: str
    system: System
    secs: float
    seed: int
    temperature: float
    top_p: float
    prompt: str | None = None
    listen_secs: float | None = None
    levels: int = 1

    @property
    def sample_mode(self) -> str:
        """The mode of `ada.sample` that does it."""
        return _MODES[self.mode]

    @property
    def title(self) -> str:
        """A name for the folder of the clip."""
        of = ""
        if self.prompt:
            path = Path(self.prompt)
            of = path.parent.name if (path.parent / REPORT).exists() else path.stem
            of = f"{of[:40]}-"
        word = {"new": "new", "continue": "continued", "variation": "varied"}
        kind = word.get(self.mode, f"translated-{self.levels}")
        return f"{of}{kind}-seed{self.seed}"

    def configs(self) -> list[SamplingConfig]:
        """How all levels of the system are sampled, top first."""
        configs = [SamplingConfig(self.seed, t, 0, p) for t, p in self.system.values]
        configs[0] = configs[0]._replace(temperature=self.temperature)
        configs[-1] = configs[-1]._replace(top_p=self.top_p)
        return configs

    def flags(self) -> list[str]:
        """Those of `ada.sample` that make the same clip."""
        run_dirs = self.system.run_dirs
        configs = self.configs()
        system = self.system.command()
        if self.mode == "translate":
            run_dirs, configs = run_dirs[-self.levels :], configs[-self.levels :]
            system = [f"--run_dirs={','.join(run_dirs)}"]
        flags = [*system, f"--mode={self.sample_mode}"]
        if self.prompt:
            flags.append(f"--prompt_audio={self.prompt}")
            secs = self.secs if self.mode == "translate" else self.listen_secs
            flags.append(f"--prompt_secs={secs:g}")
        if self.mode != "translate":
            total = self.secs + (self.listen_secs if self.mode == "variation" else 0.0)
            flags.append(f"--duration_secs={total:g}")
        flags += [
            "--temperature=" + ",".join(f"{config.temperature:g}" for config in configs),
            "--top_p=" + ",".join(f"{config.top_p:g}" for config in configs),
            "--top_k=0",
        ]
        return [*flags, "--num_samples=1", f"--seed={self.seed}"]


@dataclasses.dataclass
class Job:
    """A wish and what has become of it.

    Attributes:
      number: counts up.
      wish: what is made.
      directory: where it is kept.
      state: "waiting", "loading", "playing", "done", "stopped" or "failed".
      error: what went wrong.
      blocks: int16 `[samples]` each, in order.
      num_steps: samples in all; 0 while it is not known.
      began: when the first block was asked for, `time.monotonic`.
    """

    number: int
    wish: Wish
    directory: Path
    state: str = "waiting"
    error: str = ""
    blocks: list[np.ndarray] = dataclasses.field(default_factory=list)
    num_steps: int = 0
    began: float = 0.0
    changed: threading.Condition = dataclasses.field(default_factory=threading.Condition)
    wanted: bool = True

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("done", "stopped", "failed")

    def become(self, state: str, error: str = "") -> None:
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
        """What a page shows."""
        made = sum(map(len, self.blocks))
        left = None
        if self.state == "playing" and made and time.monotonic() - self.began > 1.0:
            left = (self.num_steps - made) * (time.monotonic() - self.began) / made
        return {
            "number": self.number,
            "title": self.directory.name,
            "state": self.state,
            "error": self.error,
            "seed": self.wish.seed,
            "made": made / max(self.num_steps, 1),
            "secsLeft": left and round(left),
        }


class Studio:
    """Fulfils wishes, one after the other, in a thread of its own.

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
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self, wish: Wish) -> Job:
        """Queues a wish.

        Raises:
          UserError: if many wait already.
        """
        with self._woken:
            if len(self._waiting) >= MOST_WAITING:
                raise UserError(f"{MOST_WAITING} clips wait already: stop one, or wait for one.")
            job = Job(next(self._numbers), wish, self._free_directory(wish.title))
            self._jobs[job.number] = job
            over = [number for number, old in self._jobs.items() if old.is_over]
            for number in over[:-_KEPT_JOBS]:
                del self._jobs[number]
            self._waiting.append(job)
            self._woken.notify_all()
        return job

    def job(self, number: int) -> Job | None:
        """The job of a number."""
        return self._jobs.get(number)

    def present(self) -> list[Job]:
        """What is in the making, then what waits."""
        with self._woken:
            return [job for job in self._jobs.values() if not job.is_over]

    def stop(self, job: Job) -> None:
        """Ends a job at its next block; what is not begun is not begun."""
        with self._woken:
            job.wanted = False
            if job in self._waiting:
                self._waiting.remove(job)
                job.become("stopped")

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
                self._woken.wait_for(lambda: self._waiting)
                job = self._waiting.pop(0)
                job.state = "loading"
            try:
                self._make(job)
                job.become("done")
            except _Stopped:
                job.become("stopped")
            except UserError as error:
                job.become("failed", str(error))
            except Exception as error:  # the page goes on, whatever one clip ran into
                log.warning(f"{job.directory.name}: {error!r}")
                job.become("failed", f"{type(error).__name__}: {error}"[:300])

    def _make(self, job: Job) -> None:
        wish = job.wish
        chain, levels = self._loaded(wish)
        request, given = _request(chain, wish)
        job.num_steps = request.num_steps
        configs = wish.configs()[-len(request.chain.runs) :]
        settings = settings_of(
            request,
            configs,
            mode=wish.sample_mode,
            given=given,
            run_dirs=list(wish.system.run_dirs[-len(request.chain.runs) :]),
        )
        job.began = time.monotonic()
        job.become("playing")

        def hear(block: Block, _: float) -> None:
            job.add(pcm16(block.audio[0]))
            if not job.wanted:
                raise _Stopped

        report = make_clips(
            job.directory,
            request,
            configs,
            settings,
            levels=levels[-len(request.chain.runs) :],
            on_block=hear,
        )
        command = f"python -m ada.sample {shlex.join(wish.flags())}"
        write_sample_page(job.directory, report, command)

    def _loaded(self, wish: Wish) -> tuple[Chain, list[Level]]:
        """Chain and compiled levels of a system; those of the last few are kept."""
        configs = wish.configs()
        key = wish.system.name, tuple(config.top_p for config in configs)
        if key not in self._levels:
            chain = Chain.open(wish.system.run_dirs)
            self._levels[key] = chain, load_levels(chain, configs)
            while len(self._levels) > _KEPT_SYSTEMS:
                self._levels.pop(next(iter(self._levels)))
        self._levels[key] = self._levels.pop(key)
        return self._levels[key]


class _Stopped(Exception):  # noqa: N818 - it is what was wanted
    pass


def _request(chain: Chain, wish: Wish) -> tuple[modes.Request, dict[str, Any]]:
    """What is generated, and what is given, as `ada.sample` has them."""
    if wish.prompt is None:
        return modes.ancestral(chain, [0], wish.secs), {}
    secs = wish.secs if wish.mode == "translate" else wish.listen_secs
    ids = read_prompt(wish.prompt, chain.runs[-1].info, secs)
    given = {"prompt_audio": {wish.prompt: len(ids) / modes.sample_rate(chain)}}
    if wish.mode == "translate":
        below = Chain(chain.runs[-wish.levels :], chain.checkpoints[-wish.levels :])
        return modes.upsampled_audio(below, {wish.prompt: ids}, [0], progress=False), given
    make: Callable = modes.primed if wish.mode == "variation" else modes.continued
    secs = wish.secs
    if wish.mode == "variation":
        secs += len(ids) / modes.sample_rate(chain)
    return make(chain, {wish.prompt: ids}, [0], secs, progress=False), given
