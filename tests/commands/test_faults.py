"""`python -m ada.train` killed, stopped and left alone by other workers: nothing is lost."""

import contextlib
import json
import os
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
from support import MICRO, free_addresses, start, tf_config, write_codes

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


def training(codes, run_dir, *args, env=None):
    """A command that trains."""
    args = [*SETTINGS, f"--data_dir={codes}", f"--run_dir={run_dir}", *args]
    return start("ada.train", *args, env=env)


def stderr_of(process):
    return process.said()[1]


def wait_for_step(run_dir, step, *processes):
    """Waits until a step was reported."""
    deadline = time.monotonic() + 120
    while last_step(run_dir) < step:
        for process in processes:
            assert process.poll() is None, stderr_of(process)
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


@pytest.mark.long
def test_results_are_equal_after_kills_at_random_moments(codes, tmp_path):
    """Every step is saved: most of the time is spent writing checkpoints.

    Seven trainings one after the other, each a process that traces its step: some 45 s of a core.
    """
    steps = "--gin_param=PRIOR_STEPS=60"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with training(codes, whole, steps) as process:
        assert process.wait(timeout=120) == 0, stderr_of(process)
    rng = np.random.default_rng(int(os.environ.get("ADA_TEST_SEED", "0")))
    for kill in range(4):
        with training(codes, killed, steps) as process:
            wait_for_step(killed, 10 * kill + 3, process)
            time.sleep(rng.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
    with training(codes, killed, steps) as process:
        while "Resuming" not in stderr_of(process):
            assert process.poll() is None, stderr_of(process)
            time.sleep(0.01)
        wait_for_step(killed, last_step(killed) + 1, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 75, stderr_of(process)
        [line] = [line for line in stderr_of(process).splitlines() if line.startswith("Stopped")]
        assert "saved; the same command resumes" in line
        assert "Traceback" not in stderr_of(process)
    with training(codes, killed, steps) as process:
        assert process.wait(timeout=120) == 0, stderr_of(process)
        assert "Resuming" in stderr_of(process)
    expected, found = values(whole), values(killed)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


def test_ctrl_c_exits_with_130_and_saves(codes, tmp_path):
    run_dir = tmp_path / "run"
    with training(codes, run_dir, "--gin_param=PRIOR_STEPS=100000") as process:
        wait_for_step(run_dir, 3, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130, stderr_of(process)
        assert "saved; the same command resumes" in stderr_of(process)
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
                    env={"TF_CONFIG": tf_config(addresses, number)},
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
            assert worker.wait(timeout=120) == 1, stderr_of(worker)
        assert "worker 1 failed: its own message says why" in stderr_of(workers[0])
        assert f"{tmp_path}/nothing" in stderr_of(workers[1])
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_workers_that_were_given_different_settings_say_so_and_fail(codes, tmp_path):
    wider = "--gin_param=RESIDUAL_CHANNELS=9"
    with two_workers(free_addresses(2), [codes] * 2, tmp_path / "run", wider) as workers:
        for worker in workers:
            assert worker.wait(timeout=120) == 1, stderr_of(worker)
            assert "the workers differ in settings" in stderr_of(worker)


@pytest.mark.long
@pytest.mark.parametrize("waiting", [0, 1])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_worker_that_waits_for_others_can_be_stopped(number, code, waiting, codes, tmp_path):
    env = {"TF_CONFIG": tf_config(free_addresses(2), waiting)}
    with training(codes, tmp_path / "run", "--strategy=multi_worker", env=env) as process:
        while "waiting for the others" not in stderr_of(process):
            assert process.poll() is None, stderr_of(process)
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(timeout=10) == code, stderr_of(process)
        assert "Traceback" not in stderr_of(process)


@pytest.mark.long
def test_a_killed_worker_stops_the_others_and_the_same_command_resumes(codes, tmp_path):
    """With the same addresses, as a scheduler would."""
    run_dir, addresses = tmp_path / "run", free_addresses(2)
    with two_workers(addresses, [codes] * 2, run_dir) as workers:
        wait_for_step(run_dir, 5, *workers)
        workers[1].send_signal(signal.SIGKILL)
        assert workers[0].wait(timeout=120) == 75, stderr_of(workers[0])
        lines = stderr_of(workers[0]).splitlines()
        stopped = [line for line in lines if line.startswith("Stopped")]
        assert len(stopped) == 1 and "lost another worker" in stopped[0], stderr_of(workers[0])
        assert "Traceback" not in stderr_of(workers[0])
    reached = last_step(run_dir)
    with two_workers(addresses, [codes] * 2, run_dir) as workers:
        wait_for_step(run_dir, reached + 5, *workers)
        # A scheduler may stop one of them first: they stop together, saved.
        workers[1].send_signal(signal.SIGTERM)
        for worker in workers:
            assert worker.wait(timeout=120) == 75, stderr_of(worker)
            assert "Resuming" in stderr_of(worker)
            assert "saved; the same command resumes" in stderr_of(worker)
    saved = int(existing_checkpoints(str(run_dir / "checkpoints"))[0].rsplit("-", 1)[1])
    assert saved == last_step(run_dir)
