"""Replicas, processes and micro-batches do what one device does with a whole batch."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from support import free_addresses, start, tf_config

SCRIPT = Path(__file__).with_name("replicas_script.py")
# By name: strategy, processes, logical devices of each, micro-batches (and recomputed layers).
WAYS = {
    "micro-batches": ("one_device", 1, 1, 2),
    "devices": ("mirrored", 1, 2, 2),
    "workers": ("multi_worker", 2, 1, 2),
}


def run_workers(way, out, *args, slurm=False):
    """What each process of a way saves."""
    strategy, count, devices, micro_batches = way
    addresses = free_addresses(count)
    processes = []
    for number in range(count):
        env = {}
        if slurm and count > 1:
            env = {
                "SLURM_JOB_ID": str(os.getpid()),
                "SLURM_NTASKS": str(count),
                "SLURM_PROCID": str(number),
                "SLURM_STEP_NUM_TASKS": str(count),
                "SLURM_STEP_NODELIST": "localhost",
                "SLURM_STEP_TASKS_PER_NODE": str(count),
            }
        elif count > 1:
            env = {"TF_CONFIG": tf_config(addresses, number)}
        path = f"{out}{number}.npz"
        processes.append(start(SCRIPT, strategy, devices, micro_batches, path, *args, env=env))
    for process in processes:
        assert process.wait(timeout=1200) == 0, process.said()
    return [np.load(f"{out}{number}.npz") for number in range(count)]


def check_equal(expected, found):
    assert sorted(expected) == sorted(found)
    for name in expected:
        np.testing.assert_allclose(expected[name], found[name], rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """Five steps on one device with whole batches."""
    [one] = run_workers(("one_device", 1, 1, 1), tmp_path_factory.mktemp("steps") / "one")
    for kind in ("vq", "vq_ema", "amae"):
        assert one[f"{kind}/step0/gradient_norm"] > 0.1, "clipping must be active"
    assert one["vq/replaced"].any(), "codes must have been restarted"
    assert one["vq/restarts"] > 0
    assert len(set(one["vq/last_used"])) > 1, "codes must differ in age"
    return one


@pytest.mark.parametrize(
    "name",
    ["devices", *(pytest.param(n, marks=pytest.mark.long) for n in ("micro-batches", "workers"))],
)
def test_a_step_equals_that_of_one_device(name, steps, tmp_path):
    for found in run_workers(WAYS[name], tmp_path / "found"):
        check_equal(steps, found)


@pytest.fixture(scope="module")
def whole_loop(markov_dataset, tmp_path_factory):
    directory = tmp_path_factory.mktemp("loop")
    way = ("one_device", 1, 1, 1)
    [one] = run_workers(way, directory / "one", directory / "run", markov_dataset)
    return one


@pytest.mark.long
@pytest.mark.parametrize("name", ["devices", "workers"])
def test_the_whole_loop_equals_that_on_one_device(name, whole_loop, markov_dataset, tmp_path):
    """The workers are Slurm's here; those above, TF_CONFIG's."""
    run_dir = tmp_path / "run"
    for found in run_workers(WAYS[name], tmp_path / "found", run_dir, markov_dataset, slurm=True):
        check_equal(whole_loop, found)
    assert (run_dir / "checkpoints" / "best").exists()
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    # The first process alone writes: each step once.
    assert [line["step"] for line in lines if line["split"] == "train"] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if line["split"] == "validation"] == [3, 6]
