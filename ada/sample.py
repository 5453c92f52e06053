"""Generates audio from a chain of run directories, top first.

    python -m ada.sample --run_dirs=runs/prior_hop64,runs/hop64_vqvae --output_dir=out
    python -m ada.sample --pretrained=piano_hop64 --output_dir=out

Modes (--mode):
  ancestral  unconditional
  primed     clips of --duration_secs that begin with (--prompt_secs of) --prompt_audio
  continue   --duration_secs more of (--prompt_secs of) --prompt_audio, or of the clips of an
             earlier --from_dir, which with the flags it was made with continues as if it had been
             longer at once
  upsample   decodes codes of the topmost autoencoder: of --codes, of an earlier --from_dir, or of
             --prompt_audio, which is encoded first; a prior in --run_dirs is not used

Where several prompts, pieces or rows of codes are given, clip i takes number i modulo theirs. An
output directory holds the results of one command. Audio is written as it is generated; a command
that was stopped, at any moment and in any way, resumes if it is given again.

A run directory may hold sampling.json, such as {"temperature": 1.0, "top_k": 0, "top_p": 0.8}: the
values with which its level is sampled by default. --keep_sampling writes it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from ada.cli import commands, level_flags, old_flags, value_flags
from ada.cli.sample_flags import (
    DURATION_SECS,
    NUM_SAMPLES,
    SOURCES,
    check_source,
    choose_seed,
    clip_indices,
    make_request,
    source_flag,
    warn_of_other_draws,
)
from ada.generation import level_sampling
from ada.utils.errors import UsageError

if TYPE_CHECKING:
    from ada.generation.streaming import Stream

FLAGS = flags.FLAGS
value_flags.define_paths("run_dirs", None, "Run directories from the top model to the audio model.")
flags.DEFINE_string(
    "pretrained", None, "Instead of --run_dirs, a system that comes with ada, such as piano_hop64."
)
value_flags.define_path("output_dir", "out", "Directory for clips, codes, sample.json and a page.")
flags.DEFINE_enum("mode", "ancestral", list(SOURCES), "Input of the generation; see above.")
value_flags.define_patterns(
    "prompt_audio", [], "Audio files, directories or patterns; repeat or separate by commas."
)
value_flags.define_secs(
    "prompt_secs",
    None,
    "Length of each prompt to use, in seconds; by default all.",
    lower_bound=0.001,
)
value_flags.define_path("from_dir", None, "Output directory of an earlier ada.sample.")
value_flags.define_path("codes", None, "An .npz file of codes, such as codes.npz of ada.sample.")
value_flags.define_secs(
    "duration_secs",
    None,
    f"Length of a clip in seconds, {DURATION_SECS:g} by default. With continue: of what is added. "
    "With upsample, by default that of what is given.",
    lower_bound=0.001,
)
value_flags.define_count(
    "num_samples",
    None,
    f"Number of clips; by default {NUM_SAMPLES}, with continue and upsample as many as are given.",
    lower_bound=1,
)
value_flags.define_seed(
    "The same seed gives the same clip, whatever --num_samples. By default another one each time, "
    "which is printed; with --mode=continue and --from_dir, that of the earlier clips.",
    default=None,
)
flags.DEFINE_list(
    "clips",
    None,
    "Indices of the clips to generate, from 0, such as 3,7, instead of --num_samples. Each is the "
    "same as in a larger set.",
)
level_flags.define()
flags.DEFINE_bool(
    "keep_sampling",
    False,
    "Writing of the temperature, top_k and top_p used to sampling.json of each sampled run, as its "
    "defaults from then on, once the clips are there. Not for pretrained systems.",
)
value_flags.define_count(
    "batch_size",
    None,
    "Number of clips computed side by side. It changes the clips of a seed, except with the native "
    "backend.",
)
old_flags.define("lanes", "batch_size")
flags.DEFINE_enum(
    "checkpoint",
    "best",
    ["best", "latest"],
    "Checkpoint of the top run; the runs below use the one that made the codes.",
)
flags.DEFINE_enum(
    "backend",
    "auto",
    ["auto", "native", "xla", "graph"],  # ada.generation.BACKENDS, without TensorFlow
    "Backend of the sampling loop; auto: the kernel in C on a CPU, else XLA. Their roundings "
    "differ: the same seed gives the same clip with the same backend.",
)
flags.DEFINE_enum(
    "weights",
    "float32",
    ["float32", "bfloat16"],  # ada.generation.backends.WEIGHTS
    "Precision in which weights are stored. bfloat16 samples faster with the native backend: by a "
    "quarter in small models, up to three times where weights do not fit the caches. The same seed "
    "gives another clip; the command prints the change in bits per id.",
)
flags.DEFINE_enum(
    "format",
    "wav",
    ["wav", "flac", "mp3"],  # ada.generation.exports.FORMATS
    "File format of the clips; they are WAV files while they are generated.",
)
flags.DEFINE_bool(
    "normalize", False, "Bring every clip to one loudness, -23 LUFS (EBU R 128), in its file."
)
value_flags.define_share("sample.html")
flags.DEFINE_bool("overwrite", False, "Replace the clips of another command in --output_dir.")


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.runs.chain import open_runs, require_audio
    from ada.runs.sampling_defaults import require_writable
    from ada.utils.files import require_local

    old_flags.notice()
    source = source_flag()
    clip_indices(())
    require_local(FLAGS.output_dir)
    if bool(FLAGS.run_dirs) == bool(FLAGS.pretrained):
        raise UsageError("give --run_dirs or --pretrained, one of them")
    runs = open_runs(_run_dirs())
    require_audio(runs)
    level_sampling.resolve([run.directory for run in runs], level_flags.given())
    if FLAGS.keep_sampling:
        require_writable(runs[-1].directory)
    check_source(source, Path(FLAGS.output_dir))


def _run_dirs() -> list[str]:
    from ada import pretrained

    return FLAGS.run_dirs or pretrained.run_dirs(FLAGS.pretrained)


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.cli.sample_page import write_sample_page, write_shared_page
    from ada.generation.clips import make_clips, settings_of
    from ada.generation.results import PAGE
    from ada.runs.chain import Chain
    from ada.runs.sampling_defaults import require_writable

    chain = Chain.open(_run_dirs(), FLAGS.checkpoint)
    sampling = level_sampling.resolve(chain.run_dirs, level_flags.given())
    out, source = Path(FLAGS.output_dir), source_flag()
    request, given = make_request(chain, source)
    if not request.num_steps:
        raise UsageError("--duration_secs is less than a sample")
    sampling = sampling[-len(request.chain.runs) :]
    for level in sampling if FLAGS.keep_sampling else ():
        require_writable(level.run_dir)
    if line := level_sampling.described(sampling):
        print(line)

    def settings_with(seed: int) -> dict[str, Any]:
        return settings_of(
            request,
            level_sampling.configs(sampling, seed),
            mode=FLAGS.mode,
            given=given,
            run_dirs=FLAGS.run_dirs or [FLAGS.pretrained],
            batch_size=FLAGS.batch_size,
            backend=FLAGS.backend,
            weights=FLAGS.weights,
            form=FLAGS.format,
            normalize=FLAGS.normalize,
        )

    settings = choose_seed(out, settings_with)
    configs = level_sampling.configs(sampling, settings["seed"])
    if FLAGS.mode == "continue" and source == "from_dir":
        warn_of_other_draws(settings)
    total = request.num_items * request.duration_secs
    secs_there = None

    def count(_: Any, secs: float) -> None:
        nonlocal secs_there
        secs_there = secs

    def begin(stream: "Stream", begun_secs: float) -> None:
        count(stream, begun_secs)
        if begun_secs:
            print(f"Resuming: {begun_secs:.1f} of {total:.1f} s are there already.")

    try:
        report = make_clips(
            out,
            request,
            configs,
            settings,
            overwrite=FLAGS.overwrite,
            progress=True,
            on_start=begin,
            on_block=count,
        )
    except KeyboardInterrupt:
        if secs_there is not None:
            print(f"{secs_there:.1f} of {total:.1f} s are in {out}; the same command resumes.")
        raise
    if not report["is_new"]:
        other = "" if FLAGS.seed is not None else "; give --overwrite or another --seed for others"
        print(f"{out} holds these clips already, of seed {report['seed']}{other}.")
    else:
        _describe(report, out)
    if report["is_new"] or not (out / PAGE).exists():
        print(f"Look and listen: {write_sample_page(out, report)}")
    if FLAGS.share:
        print(f"To mail, or for a web server: {write_shared_page(out, report)}")
    keep(sampling)


def _describe(report: dict[str, Any], out: Path) -> None:
    """Prints what was made, and how fast."""
    clips = "1 clip" if len(report["wavs"]) == 1 else f"{len(report['wavs'])} clips"
    speed = "Nothing was left to generate."
    if report["real_time_factor"] is not None:
        secs, factor = report["drawing_seconds"], report["real_time_factor"]
        speed = f"Generating took {secs:.1f} s of it: {factor:g} times real time."
    secs = report["seconds"]
    print(f"{clips} of {report['duration_secs']:g} s in {out}, {secs:.1f} s. {speed}")
    print(f"Seed {report['seed']}: with --seed={report['seed']}, the same clips.")
    rounding = report["rounding_bits"]
    if report["weights"] != "float32" and None not in rounding:
        costs = ", ".join(f"{bits:.5f}" for bits in rounding)
        print(
            f"{report['weights']} weights cost, in bits per id on the first block generated, top "
            f"level first: {costs}."
        )


def keep(sampling: Sequence[level_sampling.LevelSampling]) -> None:
    """Makes the values of levels the defaults of their runs if --keep_sampling says so."""
    from ada.runs import sampling_defaults

    if not FLAGS.keep_sampling:
        return
    for level in sampling:
        sampling_defaults.write(level.run_dir, level.values)
    runs = ", ".join(level.run_dir for level in sampling)
    print(f"These values are now the defaults of {runs} ({sampling_defaults.FILE}).")


if __name__ == "__main__":
    commands.run(main, check)
