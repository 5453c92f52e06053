"""The stages of a system, make-like: each is a command, run unless it is done already.

data/                 the audio dataset
<level>/              run directory of a level, bottom first, named as its gin file
<level>_codes/        codes of an autoencoder, the data of the level above
baseline/             the bottom's local model trained without codes, if asked for
samples/ clips/       generated audio; originals and their reconstructions
evaluation.json baseline.json summary.json page.html
.stages/              what is done, and by which command
"""

import dataclasses
import hashlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ada import bundled, configuration, log
from ada.data import Dataset, DatasetSpec
from ada.data.jsonable import to_jsonable
from ada.data.options import AudioOptions
from ada.data.preparation import prepare
from ada.data.spec import SPEC_NAME, write_text_atomically
from ada.errors import UserError
from ada.evaluation.report import write_report
from ada.runs import Run

BASELINE = "local_wavenet"


@dataclass(frozen=True)
class System:
    """What the pipeline runs.

    Attributes:
      levels: names of gin files, from the bottom level to the top.
      overlays: gin files on top of each.
      gin_params: gin bindings on top of each.
      baseline: whether to train the bottom's local model without codes too.
      inputs: audio files, directories, patterns; the bundled audio if empty.
      data_dir: a prepared dataset instead of inputs.
      sample_rate: of the dataset, Hz.
      num_samples: clips to generate.
      duration_secs: their length.
      temperature: of the draws.
      seed: of the draws.
    """

    levels: tuple[str, ...]
    overlays: tuple[str, ...] = ()
    gin_params: tuple[str, ...] = ()
    baseline: bool = False
    inputs: tuple[str, ...] = ()
    data_dir: str | None = None
    sample_rate: int = 16000
    num_samples: int = 4
    duration_secs: float = 5.0
    temperature: float = 1.0
    seed: int = 0


class _Stages:
    """Runs what is not done yet and remembers how long everything took."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seconds: dict[str, float] = {}
        self._fingerprint = ""

    def run(self, name: str, command: Sequence[str], output: Path, settings: str = "") -> None:
        """Runs `python -m command` unless the same was done after the same earlier stages.

        Args:
          name: of the stage.
          command: module and flags.
          output: what it makes; if that is not there, it is made again.
          settings: what the command reads besides, such as the text of gin files.
        """
        # A stage is done again when its command or anything before it has changed.
        self.depend_on(json.dumps([*command, settings]))
        record = self.root / ".stages" / f"{name}.json"
        if record.exists() and output.exists():
            done = json.loads(record.read_text())
            if done["fingerprint"] == self._fingerprint:
                self.seconds[name] = done["seconds"]
                log.info(f"[{name}] is done.")
                return
        log.info(f"[{name}] python -m {' '.join(command)}")
        start = time.monotonic()
        code = subprocess.run([sys.executable, "-m", *command], check=False).returncode
        if code:
            raise UserError(
                f"stage {name} failed (exit code {code}). Run the same command again to go on from "
                "here."
            )
        self.seconds[name] = round(time.monotonic() - start, 1)
        done = {"fingerprint": self._fingerprint, "seconds": self.seconds[name]}
        write_text_atomically(str(record), json.dumps(done) + "\n")

    def depend_on(self, text: str) -> None:
        """Makes all stages to come depend on a text."""
        self._fingerprint = hashlib.sha256((self._fingerprint + text).encode()).hexdigest()


def run_system(system: System, run_dir: str) -> int:
    """Runs all stages into `run_dir`; returns the exit code, 1 if the codes are dead."""
    root = Path(run_dir)
    stages = _Stages(root)
    params = _check(system)
    audio = system.data_dir or str(root / "data")
    spec = _prepare(system, audio)
    # The report counts what preparation took when it was done, not what finding it done took.
    stages.seconds["data"] = spec.preparation.get("wall_secs", 0.0)
    stages.depend_on(json.dumps(to_jsonable(dataclasses.replace(spec, preparation={}))))

    def train(name: str, level: str, data: str) -> str:
        gin_files = [f"gin/{level}.gin", *system.overlays]
        flags = [f"--gin_file={path}" for path in gin_files]
        flags += [f"--gin_param={binding}" for binding in params[level]]
        out = root / name
        _set_aside(out, data)
        command = ["ada.train", *flags, f"--run_dir={out}", f"--data_dir={data}"]
        settings = configuration.parsed(gin_files, params[level])
        stages.run(name, command, out / "run.json", settings)
        return str(out)

    run_dirs, data = [], audio
    for number, level in enumerate(system.levels):
        run_dirs.insert(0, train(level, level, data))
        if number < len(system.levels) - 1:
            data = str(root / f"{level}_codes")
            flags = [f"--run_dir={run_dirs[0]}", f"--output_dir={data}", "--overwrite"]
            stages.run(f"{level}_codes", ["ada.extract_codes", *flags], Path(data, SPEC_NAME))
    chain = f"--run_dirs={','.join(run_dirs)}"
    samples = root / "samples"
    flags = [
        f"--output_dir={samples}",
        f"--num_samples={system.num_samples}",
        f"--duration_secs={system.duration_secs}",
        f"--temperature={system.temperature}",
        f"--seed={system.seed}",
    ]
    stages.run("samples", ["ada.sample", chain, *flags], samples / "sample.json")
    numbers = root / "evaluation.json"
    flags = [f"--json={numbers}", f"--clips_dir={root / 'clips'}"]
    stages.run("evaluation", ["ada.evaluate", chain, *flags], numbers)
    baseline = None
    if system.baseline:
        baseline = train("baseline", BASELINE, audio)
        numbers = root / "baseline.json"
        flags = [f"--run_dirs={baseline}", f"--json={numbers}"]
        stages.run("baseline_evaluation", ["ada.evaluate", *flags], numbers)
    return write_report(root, run_dirs, baseline, stages.seconds)


def _check(system: System) -> dict[str, list[str]]:
    """Builds every model once, before hours of training; returns the bindings that each can use.

    Raises:
      UserError: for a binding that does not fit, or that no model has a use for.
    """
    params = {}
    for level in [*system.levels, *([BASELINE] if system.baseline else [])]:
        gin_files = [f"gin/{level}.gin", *system.overlays]
        params[level] = configuration.params_for(gin_files, system.gin_params)
        configuration.load(gin_files, params[level]).model()
    for binding in system.gin_params:
        if not any(binding in used for used in params.values()):
            raise UserError(f"--gin_param: no model of the system uses {binding!r}.")
    return params


def _set_aside(run_dir: Path, data_dir: str) -> None:
    """Moves a run away that was trained on codes of an encoder that is no more."""
    if not Run.exists(str(run_dir)) or not Dataset.is_complete(data_dir):
        return
    trained_on = Run.open(str(run_dir)).spec.upstream.get("digest")
    present = DatasetSpec.load(data_dir).upstream.get("digest")
    if trained_on == present:
        return
    names = (f"{run_dir.name}-on-{trained_on}{n or ''}" for n in itertools.count())
    aside = next(path for path in map(run_dir.with_name, names) if not path.exists())
    run_dir.rename(aside)
    log.info(f"{run_dir} was trained on other codes; it is now {aside}.")


def _prepare(system: System, directory: str) -> DatasetSpec:
    if system.data_dir:
        return Dataset.open(directory).spec
    if system.inputs:
        return prepare(
            directory, AudioOptions(inputs=system.inputs, sample_rate=system.sample_rate)
        )
    if Path(directory, SPEC_NAME).exists():
        log.info(f"No --input_audio_filepatterns: using what is in {directory} already.")
    else:
        log.info("No --input_audio_filepatterns: using the BUNDLED audio (7.5 minutes of piano).")
        bundled.prepare_bundled(directory, system.sample_rate)
    return Dataset.open(directory).spec
