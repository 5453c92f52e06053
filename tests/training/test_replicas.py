"""Two replicas do what one does: losses, weights, codebooks and averages."""

import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).with_name("replicas_script.py")


def test_one_replica_equals_two_with_clipping_active(tmp_path):
    for replicas in (1, 2):
        subprocess.run(
            [sys.executable, str(SCRIPT), str(replicas), str(tmp_path / f"{replicas}.npz")],
            check=True,
        )
    one, two = (np.load(tmp_path / f"{replicas}.npz") for replicas in (1, 2))
    assert sorted(one) == sorted(two)
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=2e-4, atol=2e-5, err_msg=name)
    for kind in ("vq", "vq_ema", "amae"):
        assert one[f"{kind}/step0/gradient_norm"] > 0.1, "clipping must be active"
    # Codes died and were restarted, so that the test covers it.
    assert one["vq/step0/usage"].min() == 0.0
