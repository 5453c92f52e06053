"""Two replicas do what one does: losses, weights, codebooks and averages."""

import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).with_name("replicas_script.py")


def on_one_and_two(tmp_path, *args):
    """What the script saves on one replica and on two."""
    results = []
    for replicas in (1, 2):
        out = tmp_path / f"{replicas}.npz"
        rest = [str(arg).format(replicas) for arg in args]
        subprocess.run([sys.executable, str(SCRIPT), str(replicas), str(out), *rest], check=True)
        results.append(np.load(out))
    one, two = results
    assert sorted(one) == sorted(two)
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=2e-4, atol=2e-5, err_msg=name)
    return one


def test_a_step_on_one_replica_equals_one_on_two_with_clipping_active(tmp_path):
    one = on_one_and_two(tmp_path)
    for kind in ("vq", "vq_ema", "amae"):
        assert one[f"{kind}/step0/gradient_norm"] > 0.1, "clipping must be active"
    assert one["vq/replaced"].any(), "codes must have been restarted"


def test_the_whole_loop_on_one_replica_equals_that_on_two(markov_dataset, tmp_path):
    one = on_one_and_two(tmp_path, tmp_path / "run{}", markov_dataset)
    [active] = [value for name, value in one.items() if "active" in name]
    assert active == 1.0, "the codebook must have been made"
    assert (tmp_path / "run2" / "checkpoints" / "best").exists()
