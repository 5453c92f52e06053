"""The stages of a system, make-like: each is a command, run unless it is done already.

data/                 the audio dataset
<level>/              run directory of a level, bottom first, named as its gin file
<level>_codes/        codes of an autoencoder, the data of the level above
baseline/             the bottom's local model trained without codes, if asked for
samples/ clips/     generated audio; originals and their reconstructions
evaluation.json baseline.json summary.json page.html
.stages/              what is done, and by which command
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ada import bundled, configuration, log
from ada.data import Dataset
from ada.data.options import AudioOptions
from ada.data.preparation import prepare
from ada.data.spec import write_text_atomically
from ada.errors import UserError
from ada.evaluation.report import write_report

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
    sample_rate: int = 16000
    num_samples: int = 4
    duration_secs: float = 5.0
    temperature: float = 1.0
    seed: int = 0


class _Stages:
    """Runs commands that are not done yet and remembers what each took."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seconds: dict[str, float] = {}
        self._fingerprint = ""

    def run(self, name: str, command: Sequence[str], settings: str = "") -> None:
        """Runs `python -m command` unless the same was done after the same earlier stages.

        Args:
          name: of the stage.
          command: module and flags.
          settings: what the command reads besides, such as the text of gin files.
        """
        # A stage is done again when its command or anything before it has changed.
        text = self._fingerprint + json.dumps([*command, settings])
        self._fingerprint = hashlib.sha256(text.encode()).hexdigest()
        record = self.root / ".stages" / f"{name}.json"
        if record.exists():
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
        record.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomically(str(record), json.dumps(done) + "\n")


def run_system(system: System, run_dir: str) -> int:
    """Runs all stages into `run_dir`; returns the exit code, 1 if the codes are dead."""
    root = Path(run_dir)
    stages = _Stages(root)
    start = time.monotonic()
    data_dir = _prepare(system, root)
    stages.seconds["data"] = round(time.monotonic() - start, 1)

    def train(name: str, level: str, data: str) -> str:
        gin_files = [f"gin/{level}.gin", *system.overlays]
        flags = [f"--gin_file={path}" for path in gin_files]
        flags += [f"--gin_param={binding}" for binding in system.gin_params]
        out = str(root / name)
        command = ["ada.train", *flags, f"--run_dir={out}", f"--data_dir={data}"]
        stages.run(name, command, configuration.parsed(gin_files, system.gin_params))
        return out

    run_dirs, data = [], data_dir
    for number, level in enumerate(system.levels):
        run_dirs.insert(0, train(level, level, data))
        if number < len(system.levels) - 1:
            data = str(root / f"{level}_codes")
            stages.run(
                f"{level}_codes",
                [
                    "ada.extract_codes",
                    "--overwrite",
                    f"--run_dir={run_dirs[0]}",
                    f"--output_dir={data}",
                ],
            )
    chain = f"--run_dirs={','.join(run_dirs)}"
    stages.run(
        "samples",
        [
            "ada.sample",
            chain,
            f"--output_dir={root / 'samples'}",
            f"--num_samples={system.num_samples}",
            f"--duration_secs={system.duration_secs}",
            f"--temperature={system.temperature}",
            f"--seed={system.seed}",
        ],
    )
    numbers, clips = f"--json={root / 'evaluation.json'}", f"--clips_dir={root / 'clips'}"
    stages.run("evaluation", ["ada.evaluate", chain, numbers, clips])
    baseline = None
    if system.baseline:
        baseline = train("baseline", BASELINE, data_dir)
        numbers = f"--json={root / 'baseline.json'}"
        stages.run("baseline_evaluation", ["ada.evaluate", f"--run_dirs={baseline}", numbers])
    return write_report(root, run_dirs, baseline, stages.seconds)


def _prepare(system: System, root: Path) -> str:
    directory = str(root / "data")
    if system.inputs:
        prepare(directory, AudioOptions(inputs=system.inputs, sample_rate=system.sample_rate))
    elif not Dataset.is_complete(directory):
        log.info("No --input_audio_filepatterns: using the BUNDLED audio (7.5 minutes of piano).")
        bundled.prepare_bundled(directory)
    return directory
