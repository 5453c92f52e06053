"""Generates audio from a chain of run directories, top first.

python -m ada.sample --run_dirs=runs/prior_hop64,runs/hop64_vqvae --output_dir=out
"""

import json
import time
from pathlib import Path

from absl import flags

from ada import commands

FLAGS = flags.FLAGS
flags.DEFINE_list("run_dirs", None, "Run directories from the top model to the audio model.")
flags.DEFINE_string("output_dir", "out", "Where WAV files, codes and sample.json go.")
flags.DEFINE_float("duration_secs", 5.0, "Length of a clip in seconds.", lower_bound=0.001)
flags.DEFINE_integer("num_samples", 4, "Number of clips.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "The same seed gives the same clip, whatever --num_samples.")
flags.DEFINE_list("temperature", ["1.0"], "One, or one a level, top first.")
flags.DEFINE_list("top_k", ["0"], "Keep the k likeliest ids; 0 keeps all. One, or one a level.")
flags.DEFINE_list("top_p", ["1.0"], "Keep the likeliest ids up to p. One, or one a level.")
flags.DEFINE_integer("lanes", 1, "Clips computed side by side; part of what a seed means.", 1)
flags.DEFINE_enum(
    "checkpoint", "best", ["best", "latest"], "Which of the top run; below, what fits."
)
flags.DEFINE_bool("jit_compile", True, "Compile the sampling loop with XLA.")
flags.mark_flag_as_required("run_dirs")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    import numpy as np

    from ada.audio.writing import write_wav
    from ada.chain import Chain
    from ada.data.spec import write_text_atomically
    from ada.generation import Draws, generate

    chain = Chain.open(FLAGS.run_dirs, FLAGS.checkpoint)
    chain.require_audio()
    levels = len(chain.runs)
    draws = [
        Draws(FLAGS.seed, *values)
        for values in zip(
            per_level("temperature", FLAGS.temperature, float, levels),
            per_level("top_k", FLAGS.top_k, int, levels),
            per_level("top_p", FLAGS.top_p, float, levels),
            strict=True,
        )
    ]
    out = Path(FLAGS.output_dir)
    out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    made = generate(
        chain,
        FLAGS.num_samples,
        FLAGS.duration_secs,
        draws,
        lanes=FLAGS.lanes,
        jit_compile=FLAGS.jit_compile,
    )
    secs = time.monotonic() - start
    names = [f"sample_{i:03d}.wav" for i in range(FLAGS.num_samples)]
    for name, audio in zip(names, made.audio, strict=True):
        write_wav(str(out / name), audio, made.sample_rate)
    codes = {f"level{levels - 1 - i}": ids for i, ids in enumerate(made.ids[:-1])}
    if codes:
        np.savez_compressed(out / "codes.npz", **codes)
    report = {
        "run_dirs": FLAGS.run_dirs,
        "seed": FLAGS.seed,
        "draws": [d._asdict() for d in draws],
        "lanes": FLAGS.lanes,
        "sample_rate": made.sample_rate,
        "wavs": names,
        "bits_of_what_was_drawn": made.bits,
        "seconds": round(secs, 2),
        "real_time_factor": round(FLAGS.num_samples * FLAGS.duration_secs / secs, 3),
    }
    write_text_atomically(str(out / "sample.json"), json.dumps(report, indent=1) + "\n")
    print(
        f"{FLAGS.num_samples} clips of {FLAGS.duration_secs:g} s in {out}, {secs:.1f} s "
        f"({report['real_time_factor']:g} times real time)."
    )


def per_level(name: str, values: list[str], kind: type, levels: int) -> list:
    """One value a level from one or as many; raises UsageError otherwise."""
    from ada.errors import UsageError

    try:
        numbers = [kind(value) for value in values]
    except ValueError as error:
        raise UsageError(f"--{name}: {error}.") from error
    if len(numbers) not in (1, levels):
        raise UsageError(f"--{name}: give one value or {levels}, got {len(numbers)}.")
    if min(numbers) < 0 or (name == "top_p" and not all(0 < n <= 1 for n in numbers)):
        raise UsageError(f"--{name}: {','.join(values)} is out of range.")
    return numbers * levels if len(numbers) == 1 else numbers


if __name__ == "__main__":
    commands.run(main)
