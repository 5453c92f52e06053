"""`python -m ada.pbt`: four tiny members, a killed search, the winner's run."""

import contextlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import MICRO, ROOT, refuses, run, write_random_codes
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ada.extraction.codes import extract_codes
from ada.population import History
from ada.runs.run import Run

pytest.importorskip("ray")
DATA = "--data_dir={codes}"
LEVEL2 = "--gin_file=gin/level2_vqvae.gin"
SMALL = [
    "--gin_param=LEVEL2_STEPS=8",
    "--gin_param=CODEBOOK_WARMUP_STEPS=0",
    "--gin_param=NUM_CODES=8",
    "--gin_param=SEARCH_INTERVAL=2",
    "--gin_param=Search.least_perplexity=1.0",
    "--gin_param=Search.least_code_cost=None",
]


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    return write_random_codes(tmp_path_factory.mktemp("codes") / "data")


def start_search(args, message):
    """The command in a session of its own; what it says goes to a file."""
    command = [sys.executable, "-m", "ada.pbt", *args]
    with message.open("w") as stderr:
        return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=stderr)


def wait_for(condition, process):
    deadline = time.monotonic() + 500
    while not condition():
        assert process.poll() is None, "the search ended before it could be killed"
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError("the search did not get there")
        time.sleep(0.05)


def kill_a_worker_of(process):
    """Kills one of Ray's processes that train members for a search; whether there was one."""
    below = {process.pid}
    for _ in range(8):
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, parent = re.match(r"(\d+) \(.*\) \S (\d+)", path.read_text()).groups()
                if int(parent) in below:
                    below.add(int(pid))
    for pid in below:
        with contextlib.suppress(OSError):
            if "Trainable.train" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
                return True
    return False


@pytest.mark.long
def test_a_search_survives_and_its_winner_is_a_run(codes, tmp_path):
    """One worker is killed, then the whole search; the same command ends it."""
    run_dir = tmp_path / "run"
    path = run_dir / "search" / "population.json"
    args = [LEVEL2, *MICRO, *SMALL, f"--run_dir={run_dir}", f"--data_dir={codes}"]
    message = tmp_path / "stderr"
    search = start_search(args, message)
    wait_for(lambda: kill_a_worker_of(search), search)
    wait_for(lambda: len(History.load(str(path)).comparisons) >= 1, search)
    os.killpg(search.pid, signal.SIGKILL)
    search.wait()
    # It starts again alone, or Ray loses it and the whole search does.
    assert "starts again" in message.read_text() or "lost a member" in message.read_text()
    assert not (run_dir / "run.json").exists()

    # The second one is asked to stop, and leaves no process.
    compared = len(History.load(str(path)).comparisons)
    search = start_search(args, message)
    wait_for(lambda: len(History.load(str(path)).comparisons) > compared, search)
    search.send_signal(signal.SIGTERM)
    assert search.wait(30) == 75, message.read_text()
    step = History.load(str(path)).step
    last = message.read_text().splitlines()[-1]
    assert last == f"Stopped: SIGTERM; the same command resumes from step {step}."
    with pytest.raises(ProcessLookupError):
        os.killpg(search.pid, 0)

    process = run("ada.pbt", *args)
    assert process.returncode == 0, process.stderr
    assert "Resuming the search" in process.stderr
    assert re.search(r"step 8: member 3: \d+\.\d+ bits", process.stderr)
    for noise in ("Configuration for experiment", "Traceback", "oneDNN", "cuda"):
        assert noise not in process.stderr, process.stderr

    history = History.load(str(path))
    assert [c.step for c in history.comparisons] == [2, 4, 6, 8]
    assert all([s.member for s in c.members] == [0, 1, 2, 3] for c in history.comparisons)
    for before, after in zip(history.comparisons, history.comparisons[1:], strict=False):
        for standing in before.members:
            assert standing.next_hyperparameters == after.of(standing.member).hyperparameters
        assert any(s.copied_from is not None for s in before.members)
    assert (run_dir / "search" / "population.png").stat().st_size > 10000
    for directory in (run_dir, *(run_dir / "search" / f"member{m}" for m in range(4))):
        events = EventAccumulator(str(directory)).Reload()
        assert {"_hparams_/session_start_info", "score/bits"} <= set(events.Tags()["tensors"])

    step, winner = history.best()
    assert winner.score == min(s.score for c in history.comparisons for s in c.members if s.healthy)
    finished = Run.open(str(run_dir))
    assert finished.checkpoint_path("best").endswith(f"-{step}")
    model = finished.load_model()
    beta = winner.hyperparameters["VectorQuantizer.commitment_weight"]
    assert model.quantizer.commitment_weight == pytest.approx(beta)
    assert f"VectorQuantizer.commitment_weight = {beta}" in finished.operative_gin()
    assert finished.info.upstream == {"digest": "made-up"}
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    validations = [line for line in lines if line["split"] == "validation"]
    assert [line["step"] for line in validations] == list(range(2, step + 1, 2))
    assert validations[-1]["reconstruction_bits"] == pytest.approx(winner.score)
    assert extract_codes(str(run_dir), str(tmp_path / "codes")).hop_length == 64

    again = run("ada.pbt", *args)
    assert again.returncode == 0
    assert f"is complete: member {winner.member} won" in again.stderr
    other = run("ada.pbt", *args, "--gin_param=BATCH_SIZE=3")
    assert other.returncode == 1
    assert "search with other settings" in other.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ([], 2, "--gin_file is needed"),
        ([LEVEL2], 1, "ada.extract_codes"),
        ([LEVEL2, DATA, "--ray_address=ray://10.0.0.1:10001"], 2, "--ray_address=auto"),
        (["--gin_file=gin/hop64_vqvae.gin", DATA], 1, "nothing to search"),
        ([LEVEL2, DATA, "--gin_param=POPULATION=1"], 1, "Search.population must be"),
        (
            [LEVEL2, DATA, "--gin_param=LEARNING_RATE_RANGE=(1.0, 0.1)"],
            1,
            "Optimization.learning_rate",
        ),
        ([LEVEL2, DATA, "--gin_param=Search.quantile=0.6"], 1, "Search.quantile"),
    ],
)
def test_bad_input_is_one_clear_line(args, code, message, codes, tmp_path):
    args = [arg.format(codes=codes) for arg in args]
    refuses("ada.pbt", *args, f"--run_dir={tmp_path / 'run'}", code=code, said=message)
    assert not (tmp_path / "run").exists()


def test_a_hyperparameter_that_is_not_there_is_refused_before_any_process(codes, tmp_path):
    binding = "--gin_param=Search.hyperparameters={'VectorQuantizer.alpha': (0.1, 1.0)}"
    run_dir = tmp_path / "run"
    flags = [LEVEL2, *MICRO, binding, f"--run_dir={run_dir}", f"--data_dir={codes}"]
    refuses("ada.pbt", *flags, said="alpha", after_others=True)
    assert not run_dir.exists()


def test_without_ray_there_is_one_line_with_the_way_out(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *args: name != "ray" and find(name, *args) or None
    )
    refuses("ada.pbt", LEVEL2, said="pip install -e '.[pbt]'")
