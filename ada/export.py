"""Exports a run, or a whole chain as one model, for TensorFlow Serving.

    python -m ada.export --run_dir=runs/hop64_vqvae --output_dir=serving/hop64_vqvae/1
    python -m ada.export --run_dirs=runs/prior_hop64,runs/hop64_vqvae --output_dir=serving/hop64/1
    python -m ada.export --pretrained=piano_notes --output_dir=serving/piano/1

The last part of --output_dir is the version, a number; the one before is the name of the model. A
server that polls the model's directory takes up a new version when it is whole (not one that takes
the place of the same number, by --overwrite, before it starts again). What can be asked
(encode, decode, reconstruct, score, generate, continue, generate_block) depends on the kind of the
model and is described in assets.extra/metadata.json; ada.serving.client asks.

top_k and top_p are fixed by the export. The temperature is part of every request; metadata.json
states that of sampling.json for each level.
"""

import shlex
from pathlib import Path

from absl import flags

from ada.cli import commands, level_flags, value_flags
from ada.generation import level_sampling
from ada.serving.tensors import MAX_STEPS
from ada.utils.errors import UsageError

FLAGS = flags.FLAGS
value_flags.define_path("run_dir", None, "One run directory; or else --run_dirs.")
value_flags.define_paths("run_dirs", None, "Run directories of a chain, top first.")
flags.DEFINE_string(
    "pretrained", None, "A pretrained system instead of run directories, such as piano_notes."
)
value_flags.define_path("output_dir", None, "Output directory: .../<name of the model>/<version>.")
flags.DEFINE_enum(
    "checkpoint",
    "best",
    ["best", "latest"],
    "Checkpoint of the top run; the runs below use the one that made the codes.",
)
level_flags.define(("top_k", "top_p"))
flags.DEFINE_bool(
    "xla", False, "Let the server compile the sampling loops: faster, where its XLA works."
)
flags.DEFINE_integer(
    "max_steps",
    MAX_STEPS,
    "Longest signal of one request, in steps per item; generate_block has no limit.",
    lower_bound=1,
    upper_bound=2**31 - 1,
)
flags.DEFINE_bool("warmup", True, "Write warm-up requests (needs pip install -e '.[serving]').")
flags.DEFINE_bool("overwrite", False, "Replace a version that is there.")
flags.mark_flag_as_required("output_dir")


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.runs.chain import open_runs
    from ada.serving.versions import check_output

    if [bool(FLAGS[name].value) for name in ("run_dir", "run_dirs", "pretrained")].count(True) != 1:
        raise UsageError("give --run_dir, --run_dirs or --pretrained, one of them")
    check_output(FLAGS.output_dir, FLAGS.overwrite)
    runs = open_runs(_run_dirs())
    level_sampling.resolve([run.directory for run in runs], level_flags.given())


def _run_dirs() -> list[str]:
    from ada import pretrained

    if FLAGS.pretrained:
        return pretrained.run_dirs(FLAGS.pretrained)
    return FLAGS.run_dirs or [FLAGS.run_dir]


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.runs.chain import Chain
    from ada.serving.exporting import export

    chain = Chain.open(_run_dirs(), FLAGS.checkpoint)
    sampling = level_sampling.resolve(chain.run_dirs, level_flags.given())
    if line := level_sampling.described(sampling):
        print(line)
    described = export(
        chain,
        FLAGS.output_dir,
        level_sampling.configs(sampling),
        xla=FLAGS.xla,
        max_steps=FLAGS.max_steps,
        with_warmup=FLAGS.warmup,
        overwrite=FLAGS.overwrite,
    )
    path = Path(FLAGS.output_dir).resolve()
    megabytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
    print(f"{FLAGS.output_dir}: {', '.join(described['signatures'])}; {megabytes:.1f} MB.")
    name = path.parent.name
    volume = shlex.quote(f"{path.parent}:/models/{name}")
    model_name = f"-e {shlex.quote(f'MODEL_NAME={name}')}"
    print(f"Serve it: docker run -p 8500:8500 -v {volume} {model_name} tensorflow/serving")


if __name__ == "__main__":
    commands.run(main, check)
