"""Fine-tunes a system on a folder of music, stage by stage, until the time is over.

data/               the dataset of the music
codes/<level>/      codes of a level, which the level above learns
rounds/<n>/<level>  run directories: a call with more time adds a round
clips/              songs before and after, and new clips
system.json         the system as it is now: what `--run_dirs` of other commands takes
tune.json           what was done, and how long it took
page.html           clips, and what became of them in plain words
"""

import time
from dataclasses import dataclass
from pathlib import Path

from ada.data import Dataset
from ada.extraction.codes import extract_codes
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.runs import system_folder
from ada.runs.run import Run
from ada.tuning import budget, clips
from ada.tuning.level import measure, tune_level
from ada.tuning.page import write_tune_page
from ada.tuning.start import start_of
from ada.tuning.state import FILE, Clock, LevelState, Round, State
from ada.utils import log, made
from ada.utils.errors import UserError
from ada.utils.files import exclusive, require_local

PAGE = "page.html"
NAMES = ("data", "codes", "rounds", clips.FOLDER, system_folder.FILE, FILE, PAGE)
COMMAND = "ada.tune"


@dataclass(frozen=True)
class Options:
    """The options of a fine-tuning.

    Attributes:
      inputs: audio files, directories, patterns.
      init_from: name of a pretrained system, or a folder that holds one.
      minutes: for all, and of all calls together.
      seed: of the clips on the page.
    """

    inputs: tuple[str, ...]
    init_from: str
    minutes: float
    seed: int = 0


def tune(options: Options, run_dir: str) -> None:
    """Does all of it, or resumes where it stopped.

    Raises:
      UserError: for music that cannot be used, another system or other music than before, or if
        another process is at work there.
      KeyboardInterrupt: after SIGINT; what was learnt so far is in `system.json`.
      StoppedError: after SIGTERM, likewise.
    """
    require_local(run_dir)
    root = Path(run_dir)
    made.refuse_others(root, COMMAND, NAMES, lambda path: False)
    with exclusive(run_dir):
        made.claim(root, COMMAND, NAMES, lambda path: False)
        state = _opened(root, options)
        clock = Clock(state, root, 60 * options.minutes)
        spare_secs = clock.left_secs - budget.reserved_secs(state.before_secs)
        if _all_done(state, root) and spare_secs < budget.LEAST_ROUND_SECS:
            log.info(
                f"{state.spent_secs / 60:.1f} of {options.minutes:g} minutes are spent: more "
                "--minutes continue from here."
            )
            return
        try:
            with clock.saved():
                _Tuning(root, state, clock, options).run()
        finally:
            if system_folder.read_system(root):
                log.info(f"Play it: ada sample --run_dirs={root}, or ada play --runs={root.parent}")


def _all_done(state: State, root: Path) -> bool:
    return bool(state.rounds) and state.rounds[-1].done and (root / PAGE).exists()


def _opened(root: Path, options: Options) -> State:
    """The state of a folder that was begun, or a new one."""
    state = State.load(root)
    if state is None:
        return State(options.init_from, list(options.inputs))
    for what, there, asked in (
        ("the system", state.init_from, options.init_from),
        ("the music", state.inputs, list(options.inputs)),
    ):
        if there != asked:
            raise UserError(
                f"{root} was begun with {what} {_shown(there)}, not {_shown(asked)}: name another "
                "--run_dir."
            )
    return state


def _shown(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


class _Tuning:
    """One call at work."""

    def __init__(self, root: Path, state: State, clock: Clock, options: Options) -> None:
        self._root, self._state, self._clock, self._options = root, state, clock, options
        self._data = str(root / "data")
        self._budget_secs = 60 * options.minutes
        self._plan = budget.clips_within(self._budget_secs)

    def run(self) -> None:
        rate = Run.open(start_of(self._state.init_from)[-1]).info.sample_rate
        prepare(self._data, AudioOptions(self._options.inputs, rate))
        if system_folder.read_system(self._root) is None:
            system_folder.write_system(self._root, start_of(self._state.init_from))
        self._clock.save()
        self._make_clips("before")
        if self._state.rounds and not self._state.rounds[-1].done:
            self._tune_round(self._state.rounds[-1])
        if not self._state.rounds or self._spare_secs() >= budget.LEAST_ROUND_SECS:
            self._tune_round(self._new_round())
        self._make_clips("after")
        self._clock.save()
        write_tune_page(self._root, self._state)

    def _system(self) -> list[str]:
        return system_folder.read_system(self._root)

    def _new_round(self) -> Round:
        """A round for the time that is left, from the system as it is now."""
        levels = {Path(start).name: LevelState(start) for start in self._system()}
        if len(levels) < len(self._system()):
            raise UserError(f"{self._root}: two levels of the system have the same name.")
        if self._state.rounds:
            for name, before in self._state.rounds[-1].levels.items():
                levels[name].speed = before.speed_of_next()
        self._state.rounds.append(Round(levels))
        self._clock.save()
        return self._state.rounds[-1]

    def _spare_secs(self) -> float:
        """Seconds left for training."""
        return self._clock.left_secs - budget.reserved_secs(self._state.before_secs)

    def _make_clips(self, when: str) -> None:
        """Songs through the system; after training, new clips as well."""
        began = time.monotonic()
        if when == "before" and self._state.before_secs is not None:
            return
        log.info(f"Clips {when} training: {self._plan.number} of {self._plan.secs:g} s.")
        system = self._system()
        codes = self._codes()[Path(system[0]).name] if when == "after" else None
        clips.make(
            *(self._root, system, self._data, codes, self._plan, when, self._options.seed),
        )
        if when == "before":
            self._state.before_secs = round(time.monotonic() - began, 1)
            self._clock.save()

    def _tune_round(self, current: Round) -> None:
        number = len(self._state.rounds)
        data = self._codes()
        for position, (name, level) in enumerate(current.levels.items()):
            is_last = position == len(current.levels) - 1
            run_dir = self._root / "rounds" / str(number) / name
            try:
                self._tune_level(name, level, data[name], run_dir, is_last)
            finally:
                self._use_best(name, level, run_dir)

    def _codes(self) -> dict[str, str]:
        """The dataset of every level, by name; codes of the levels below are made first.

        Rounds share them: the encoders stay as they are.
        """
        data, below = {}, self._data
        system = self._system()
        for run_dir in reversed(system):
            name = Path(run_dir).name
            data[name] = below
            if run_dir != system[0]:
                below = self._extracted(run_dir, below)
        return data

    def _extracted(self, run_dir: str, data_dir: str) -> str:
        out = self._root / "codes" / Path(run_dir).name
        if not (out / "dataset.json").exists():
            log.info(f"Encoding the music with {Path(run_dir).name}.")
            hours = Dataset.open(self._data).spec.splits["train"].hours
            offsets = budget.offsets_within(3600 * hours, self._budget_secs)
            extract_codes(run_dir, str(out), data_dir=data_dir, num_offsets=offsets)
        return str(out)

    def _tune_level(
        self, name: str, level: LevelState, data_dir: str, run_dir: Path, is_last: bool
    ) -> None:
        if level.done:
            return
        secs = budget.share_of(self._spare_secs(), is_last)
        end = time.monotonic() + secs
        if level.speed is None and secs > budget.LEAST_SECS:
            log.info(f"{name}: measuring how fast it trains here.")
            level.speed = measure(level.start, data_dir, run_dir.with_name(f"{name}.speed"))
            self._clock.save()
        secs = end - time.monotonic()
        if level.num_steps is None:
            fits = level.speed and budget.training_within(secs, level.speed)
            level.num_steps, level.validations = fits or (0, 1)
            self._clock.save()
        if level.num_steps and secs > 0:
            log.info(
                f"{name}: {level.num_steps} steps, about {secs / 60:.1f} minutes; in all about "
                f"{self._clock.left_secs / 60:.0f} minutes are left."
            )
            tune_level(level, data_dir, run_dir, end)
        else:
            log.info(f"{name}: there is no time to train it; it stays as it is.")
        level.done = True

    def _use_best(self, name: str, level: LevelState, run_dir: Path) -> None:
        """Puts a level into the system if training has made it better."""
        if level.improved:
            system = [str(run_dir) if Path(d).name == name else d for d in self._system()]
            system_folder.write_system(self._root, system)
        self._clock.save()
