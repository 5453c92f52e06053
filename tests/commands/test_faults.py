"""`python -m ada.train` killed, stopped and left alone by other workers: nothing is lost."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from support import MICRO, ROOT, free_addresses, tf_config, write_codes

from ada.runs.checkpoint_files import existing_checkpoints

SETTINGS = [
    "--gin_file=gin/prior_hop64.gin",
    *MICRO,
    "--gin_param=NUM_CODES=4",
    "--gin_param=SAVE_EVERY=1",
    "--gin_param=LOG_EVERY=1",
    "--gin_param=PRIOR_VALIDATE_EVERY=50",
]


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    rng = np.random.default_rng(0)
    splits = {s: [rng.integers(0, 4, 3000)] for s in ("train", "validation", "test")}
    return write_codes(tmp_path_factory.mktemp("codes") / "data", splits, 4)


@contextlib.contextmanager
def training(codes, run_dir, *args, **env):
    """A command that trains; what it says goes to a file beside the run directory."""
    log = run_dir.with_suffix(f".{env.pop('NAME', 'log')}")
    command = [sys.executable, "-m", "ada.train", *SETTINGS, f"--data_dir={codes}"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, f"--run_dir={run_dir}", *args],
            cwd=ROOT,
            env=os.environ | env,
            stderr=file,
        )
        process.said = log.read_text
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def wait_for_step(run_dir, step, *processes):
    """Waits until a step was reported."""
    deadline = time.monotonic() + 120
    while last_step(run_dir) < step:
        for process in processes:
            assert process.poll() is None, process.said()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def last_step(run_dir):
    path = run_dir / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    # The last may be half written.
    steps = [json.loads(line)["step"] for line in lines if line.endswith("}")]
    return max(steps, default=0)


def values(run_dir):
    reader = tf.train.load_checkpoint(existing_checkpoints(str(run_dir / "checkpoints"))[0])
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.endswith("VARIABLE_VALUE") and "save_counter" not in name
    }


def test_killed_at_random_moments_and_stopped_it_ends_as_if_nothing_had_been(codes, tmp_path):
    """Every step is saved: most of the time is spent writing checkpoints."""
    steps = "--gin_param=PRIOR_STEPS=60"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with training(codes, whole, steps) as process:
        assert process.wait(timeout=120) == 0, process.said()
    rng = np.random.default_rng(int(os.environ.get("ADA_TEST_SEED", "0")))
    for kill in range(4):
        with training(codes, killed, steps) as process:
            wait_for_step(killed, 10 * kill + 3, process)
            time.sleep(rng.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
    with training(codes, killed, steps) as process:
        while "Resuming" not in process.said():
            assert process.poll() is None, process.said()
            time.sleep(0.01)
        wait_for_step(killed, last_step(killed) + 1, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 75, process.said()
        [line] = [line for line in process.said().splitlines() if line.startswith("Stopped")]
        assert "saved; the same command goes on" in line
        assert "Traceback" not in process.said()
    with training(codes, killed, steps) as process:
        assert process.wait(timeout=120) == 0, process.said()
        assert "Resuming" in process.said()
    expected, found = values(whole), values(killed)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


def test_ctrl_c_exits_with_130_and_saves(codes, tmp_path):
    run_dir = tmp_path / "run"
    with training(codes, run_dir, "--gin_param=PRIOR_STEPS=100000") as process:
        wait_for_step(run_dir, 3, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130, process.said()
        assert "saved; the same command goes on" in process.said()
    step = int(existing_checkpoints(str(run_dir / "checkpoints"))[0].rsplit("-", 1)[1])
    assert step == last_step(run_dir)


@contextlib.contextmanager
def two_workers(addresses, data_dirs, run_dir, *differing):
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                training(
                    data_dir,
                    run_dir,
                    "--strategy=multi_worker",
                    "--gin_param=PRIOR_STEPS=100000",
                    *(differing if number else ()),
                    NAME=f"worker{number}",
                    TF_CONFIG=tf_config(addresses, number),
                )
            )
            for number, data_dir in enumerate(data_dirs)
        ]


@pytest.mark.long
def test_where_one_worker_cannot_work_all_say_so_and_fail(codes, tmp_path):
    """A job that is run again where it was stopped (75) would wait for it for ever."""
    data_dirs = [codes, tmp_path / "nothing"]
    with two_workers(free_addresses(2), data_dirs, tmp_path / "run") as workers:
        for worker in workers:
            assert worker.wait(timeout=120) == 1, worker.said()
        assert "worker 1 failed: its own message says why" in workers[0].said()
        assert f"{tmp_path}/nothing" in workers[1].said()
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_workers_that_were_given_different_settings_say_so_and_fail(codes, tmp_path):
    wider = "--gin_param=RESIDUAL_CHANNELS=9"
    with two_workers(free_addresses(2), [codes] * 2, tmp_path / "run", wider) as workers:
        for worker in workers:
            assert worker.wait(timeout=120) == 1, worker.said()
            assert "the workers differ in settings" in worker.said()


@pytest.mark.long
@pytest.mark.parametrize("waiting", [0, 1])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_worker_that_waits_for_others_can_be_stopped(number, code, waiting, codes, tmp_path):
    env = {"TF_CONFIG": tf_config(free_addresses(2), waiting)}
    with training(codes, tmp_path / "run", "--strategy=multi_worker", **env) as process:
        while "waiting for the others" not in process.said():
            assert process.poll() is None, process.said()
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(timeout=10) == code, process.said()
        assert "Traceback" not in process.said()


def test_a_killed_worker_stops_the_others_and_the_same_command_goes_on(codes, tmp_path):
    """With the same addresses, as a scheduler would."""
    run_dir, addresses = tmp_path / "run", free_addresses(2)
    with two_workers(addresses, [codes] * 2, run_dir) as workers:
        wait_for_step(run_dir, 5, *workers)
        workers[1].send_signal(signal.SIGKILL)
        assert workers[0].wait(timeout=120) == 75, workers[0].said()
        lines = workers[0].said().splitlines()
        stopped = [line for line in lines if line.startswith("Stopped")]
        assert len(stopped) == 1 and "lost another worker" in stopped[0], workers[0].said()
        assert "Traceback" not in workers[0].said()
    reached = last_step(run_dir)
    with two_workers(addresses, [codes] * 2, run_dir) as workers:
        wait_for_step(run_dir, reached + 5, *workers)
        # A scheduler may stop one of them first: they stop together, saved.
        workers[1].send_signal(signal.SIGTERM)
        for worker in workers:
            assert worker.wait(timeout=120) == 75, worker.said()
            assert "Resuming" in worker.said()
            assert "saved; the same command goes on" in worker.said()
    saved = int(existing_checkpoints(str(run_dir / "checkpoints"))[0].rsplit("-", 1)[1])
    assert saved == last_step(run_dir)
