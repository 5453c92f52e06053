"""Layers and training memory against the receptive field, measured.

    python -m tools.receptive_field --output_dir=out/receptive_field

The slides' argument: layers grow as the logarithm of the receptive field, training memory as the
field itself, unless the field is seen through codes. Plain WaveNets and chains of autoencoders
(ADAs) are trained for a few steps, every level in a fresh process, on one crop of its own
receptive field and what it predicts. A chain needs what its largest level needs. Writes
receptive_field.json, .txt and .png. Needs Linux, whose account of a process's peak it reads.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from ada.cli import commands, value_flags
from tools.tables import aligned

if TYPE_CHECKING:
    from tools.fields.systems import Level, System

FLAGS = flags.FLAGS
value_flags.define_path("output_dir", None, "Where the results go.")
flags.DEFINE_integer("channels", 16, "Width of everything.", lower_bound=1)
flags.DEFINE_integer("predicted_steps", 1024, "Ids in a crop besides the field.", lower_bound=1)
flags.DEFINE_integer("smallest", 700, "Receptive field of a system, in samples.", lower_bound=1)
flags.DEFINE_integer("largest", 393216, "The same; 393216 are 24.6 s of 16 kHz.", lower_bound=1)
flags.DEFINE_integer("every", 3, "Doublings of the field from point to point.", lower_bound=1)
value_flags.define_float(
    "max_gib", 6.0, "What is estimated to need more memory is not measured.", 0.0
)

SAMPLE_RATE = 16000
COLUMNS = (
    "system",
    "receptive_field",
    "receptive_field_secs",
    "layers",
    "measured_mib",
    "estimated_mib",
)


def main(argv: list[str]) -> int:
    """Runs the command; returns 1 if a model could not be measured."""
    del argv
    from ada.utils.files import write_text_atomically
    from ada.utils.progress import progress_bar
    from tools.fields.figure import draw
    from tools.fields.systems import systems

    chosen = list(
        systems(FLAGS.channels, FLAGS.predicted_steps, FLAGS.smallest, FLAGS.largest, FLAGS.every)
    )
    levels = {level: None for system in chosen for level in system.levels}
    fitting = [level for level in levels if level.estimated_bytes <= FLAGS.max_gib * 2**30]
    with progress_bar(fitting, desc="measuring", unit="model") as bar:
        for level in bar:
            bar.set_postfix_str(f"{level.gin_file}, {level.crop_steps} steps")
            levels[level] = _measured(level)
    rows = [_row(system, levels) for system in chosen]
    out = Path(FLAGS.output_dir) / "receptive_field"
    text = _table(rows)
    print(text)
    write_text_atomically(f"{out}.txt", text + "\n")
    write_text_atomically(f"{out}.json", json.dumps(rows, indent=1) + "\n")
    title = f"{FLAGS.channels} channels; a crop: the field and {FLAGS.predicted_steps} steps more"
    draw(rows, title, f"{out}.png")
    return int(any(levels[level] is None for level in fitting))


def _measured(level: "Level") -> int | None:
    """Bytes of a fresh process, so that nothing is left of the one before; None if it failed."""
    from ada.utils import log

    command = [sys.executable, "-m", "tools.fields.memory", f"--gin_file={level.gin_file}"]
    command += [f"--gin_param={binding}" for binding in level.gin_params]
    command += [f"--crop_steps={level.crop_steps}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["killed; lower --max_gib?"])[-1]
        log.warning(
            f"{level.gin_file} at {level.crop_steps} steps failed ({done.returncode}): {reason}"
        )
        return None
    return json.loads(done.stdout)["bytes"]


def _row(system: "System", measured: dict["Level", int | None]) -> dict[str, Any]:
    found = [measured[level] for level in system.levels]
    largest = None if None in found else round(max(found) / 2**20, 1)
    return {
        "system": system.name,
        "receptive_field": system.receptive_field,
        "receptive_field_secs": round(system.receptive_field / SAMPLE_RATE, 4),
        "layers": system.layers,
        "measured_mib": largest,
        "estimated_mib": round(system.estimated_bytes / 2**20, 1),
        "levels": [
            {
                "gin_file": level.gin_file,
                "gin_params": level.gin_params,
                "crop_steps": level.crop_steps,
                "layers": level.layers,
                "estimated_bytes": level.estimated_bytes,
                "measured_bytes": measured_bytes,
            }
            for level, measured_bytes in zip(system.levels, found, strict=True)
        ],
    }


def _table(rows: Sequence[dict[str, Any]]) -> str:
    cells = [
        COLUMNS,
        *([str(row[c] if row[c] is not None else "-") for c in COLUMNS] for row in rows),
    ]
    return "\n".join(aligned(cells))


if __name__ == "__main__":
    flags.mark_flag_as_required("output_dir")
    commands.run(main)
