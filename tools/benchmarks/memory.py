"""Peak memory and time of training steps against crop, precision and what saves memory.

Every row is a fresh process (`tools.fields.memory`); the estimate is `ada.describe`'s. Needs Linux.
"""

import json
import subprocess
import sys
from typing import Any

from ada.errors import UserError
from ada.progress import progress_bar

# Of each: gin file, residual and skip channels, crop.
MODELS = (
    ("large_wavenet", 64, 128, 8192),
    ("large_wavenet", 64, 128, 16384),
    ("large_wavenet", 64, 128, 32768),
    ("large_wavenet", 128, 256, 8192),
    ("large_wavenet", 256, 256, 8192),
    ("very_large_wavenet", 64, 128, 16384),
    ("hop64_vqvae", 64, 128, 16384),
    ("hop8_vqvae", 128, 256, 8192),
)
WAYS = (
    ("float32", ("PRECISION='float32'",)),
    ("float32, recomputed", ("PRECISION='float32'", "RECOMPUTE_LAYERS=3")),
    ("bfloat16", ("PRECISION='mixed_bfloat16'",)),
    ("bfloat16, recomputed", ("PRECISION='mixed_bfloat16'", "RECOMPUTE_LAYERS=3")),
)


def run(flags: Any) -> list[dict[str, Any]]:
    """A row for every model and way."""
    models = MODELS
    if flags.sizes:
        sizes = [tuple(map(int, size.split("x"))) for size in flags.sizes]
        models = [("large_wavenet", *size, 8192) for size in sizes]
    rows = [(model, way) for model in models for way in WAYS]
    results = []
    for (name, residual, skip, crop), (way, bindings) in progress_bar(
        rows, desc="measuring", unit="process"
    ):
        command = [sys.executable, "-m", "tools.fields.memory", f"--gin_file=gin/{name}.gin"]
        bindings = (*bindings, f"RESIDUAL_CHANNELS={residual}", f"SKIP_CHANNELS={skip}")
        command += [f"--gin_param={b}" for b in (*bindings, "train.allow_short_crops=True")]
        command += [f"--crop_steps={crop}", f"--train_steps={flags.runs}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"{name}, {way}: {done.stderr.strip().splitlines()[-1]}")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        results.append(
            {
                "model": f"{name} {residual}x{skip}",
                "crop_steps": crop,
                "way": way,
                "measured_mib": round(found["bytes"] / 2**20),
                "estimated_mib": round(found["estimated_bytes"] / 2**20),
                "estimated_over_measured": round(found["estimated_bytes"] / found["bytes"], 2),
                "secs_per_step": round(found["secs"], 2),
            }
        )
    return results
