"""How long commands take to show their flags and to refuse what cannot be done.

Each question is asked in a process of its own; the first one to a command does not count.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ada.utils.errors import UserError

# By command: an unknown flag, a wrong value, what is not there, what is damaged, and flags that do
# not go together. {x} is a path that `make_files` made, or that is not there.
QUESTIONS = {
    "ada.train": (
        ["--no_such_flag"],
        ["--strategy=many"],
        ["--gin_file=gin/nothing.gin"],
        ["--gin_file={gin}"],
        ["--gin_file=gin/prior_hop64.gin", "--run_dir={nothing}"],
    ),
    "ada.sample": (
        ["--no_such_flag"],
        ["--run_dirs=a", "--duration_secs=-1"],
        ["--run_dirs={nothing}", "--output_dir={nothing}"],
        ["--run_dirs={run}", "--output_dir={nothing}"],
        ["--run_dirs=a", "--pretrained=piano_hop64"],
    ),
    "ada.evaluate": (
        ["--no_such_flag"],
        ["--run_dirs=a", "--split=none"],
        ["--run_dirs={nothing}"],
        ["--run_dirs={run}"],
        ["--run_dirs=a", "--names=a,b"],
    ),
    "ada.export": (
        ["--no_such_flag"],
        ["--run_dir=a", "--output_dir={nothing}/1", "--max_steps=0"],
        ["--run_dir={nothing}", "--output_dir={nothing}/1"],
        ["--run_dir={run}", "--output_dir={nothing}/1"],
        ["--run_dir=a", "--run_dirs=b", "--output_dir={nothing}/1"],
    ),
    "ada.describe": (
        ["--no_such_flag"],
        ["--run_dir=a", "--hop_length=0"],
        ["--gin_file=gin/nothing.gin"],
        ["--gin_file={gin}"],
        ["--gin_file=gin/hop64_vqvae.gin", "--run_dir=a"],
    ),
    "ada.extract_codes": (
        ["--no_such_flag"],
        ["--run_dir=a", "--output_dir={nothing}", "--num_offsets=0"],
        ["--run_dir={nothing}", "--output_dir={nothing}"],
        ["--run_dir={run}", "--output_dir={nothing}"],
        ["--run_dir=a", "--output_dir={nothing}", "--pipeline_options=--a=b"],
    ),
    "ada.pipeline": (
        ["--no_such_flag"],
        ["--gin_file=gin/systems/hop64_vqvae.gin", "--num_samples=0"],
        ["--gin_file=gin/nothing.gin", "--run_dir={nothing}"],
        ["--gin_file=gin/systems/hop64_vqvae.gin", "--run_dir={nothing}", "--data_dir={data}"],
        ["--gin_file=gin/systems/hop64_vqvae.gin", "--data_dir=a", "--input_audio_filepatterns=b"],
    ),
    "ada.pbt": (
        ["--no_such_flag"],
        ["--gin_file=gin/level2_vqvae.gin", "--gin_param=POPULATION=many"],
        ["--gin_file=gin/nothing.gin"],
        ["--gin_file={gin}"],
        ["--gin_file=gin/level2_vqvae.gin", "--run_dir={nothing}"],
    ),
    "ada.listen": (
        ["--no_such_flag"],
        ["serve", "--port=99999"],
        ["serve", "--samples={nothing}"],
        ["results", "--db={gin}"],
        ["results", "--db={gin}", "--csv={gin}"],
    ),
    "ada.prepare_audio": (
        ["--no_such_flag"],
        ["--input_audio_filepatterns=a", "--output_dir={nothing}", "--decoder=ffmpeg"],
        ["--input_audio_filepatterns={nothing}", "--output_dir={nothing}"],
        ["--maestro_csv={gin}", "--output_dir={nothing}"],
        ["--output_dir={nothing}"],
    ),
    "ada.render_scores": (
        ["--no_such_flag"],
        ["--output_dir={nothing}", "--transpose=high"],
        ["--output_dir={nothing}", "--scores={nothing}"],
        ["--output_dir={nothing}", "--soundfont={gin}"],
        ["--scores={nothing}"],
    ),
}
KINDS = ("help", "flag", "value", "missing", "damaged", "together")


def run(flags: Any) -> list[dict[str, Any]]:
    """Seconds until each command has answered `--help` and its five questions."""
    with tempfile.TemporaryDirectory() as directory:
        names = make_files(Path(directory))
        results = []
        for command, refusals in QUESTIONS.items():
            questions = [["--help"], *([a.format(**names) for a in q] for q in refusals)]
            _seconds(command, questions[0])
            measured = [
                statistics.median(_seconds(command, question) for _ in range(flags.runs))
                for question in questions
            ]
            seconds = {kind: round(secs, 2) for kind, secs in zip(KINDS, measured, strict=True)}
            results.append({"command": command, **seconds})
        return results


def make_files(directory: Path) -> dict[str, str]:
    """Paths of a damaged gin file, run and dataset, and of nothing."""
    paths = {name: directory / name for name in ("gin", "run", "data", "nothing")}
    paths["gin"].write_text("NUM_STEPS = = 3\n")
    for name, file in (("run", "run.json"), ("data", "dataset.json")):
        paths[name].mkdir()
        (paths[name] / file).write_text('{"kind": ')
    return {name: str(path) for name, path in paths.items()}


def _seconds(command: str, question: list[str]) -> float:
    """How long a process takes to answer.

    Raises:
      UserError: if it does not refuse in one line, or shows no flags.
    """
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-m", command, *question], capture_output=True, text=True, check=False
    )
    secs = time.perf_counter() - start
    expected = (0,) if question == ["--help"] else (1, 2)
    message = process.stderr.strip().splitlines()
    if process.returncode not in expected or len(message) > (1 if 1 in expected else 0):
        raise UserError(f"{command} {' '.join(question)} answered {process.returncode}: {message}")
    return secs
