"""Runs all stages of a system, from audio files to new audio and a page to look at.

    python -m ada.pipeline --gin_file=gin/systems/hop64_vqvae.gin --gin_file=gin/tiny.gin \
        --input_audio_filepatterns='music/**/*' --run_dir=runs/mine

Run again, it skips what is complete and resumes what is not.
"""

from pathlib import Path

from absl import flags

from ada.cli import commands, level_flags, value_flags
from ada.generation import level_sampling

FLAGS = flags.FLAGS
value_flags.define_gin_files(
    "First gin/systems/<system>.gin, then gin files on top of every model of it."
)
flags.DEFINE_multi_string("gin_param", [], "Gin binding on top of every model.")
value_flags.define_path("run_dir", None, "Directory for all output. Default: runs/<system>.")
value_flags.define_patterns(
    "input_audio_filepatterns",
    [],
    "Files, directories or patterns; repeat the flag or separate by commas. Default: the bundled "
    "audio.",
)
value_flags.define_path(
    "maestro_csv",
    None,
    "CSV file with the columns audio_filename and split, such as MAESTRO's: its files are read, "
    "and its splits used.",
)
value_flags.define_path("data_dir", None, "A dataset of audio that is prepared already.")
value_flags.define_path(
    "levels_dir",
    None,
    "Directory for data, runs and codes, for systems that share levels. Default: --run_dir.",
)
value_flags.define_sample_rate("Sample rate of the dataset in Hz.")
value_flags.define_count(
    "num_offsets",
    1,
    "Number of offsets within the hop at which every autoencoder encodes the train split for the "
    "level above (see ada.extract_codes); at two levels of codes the numbers multiply.",
    lower_bound=1,
)
value_flags.define_path(
    "init_from",
    None,
    "Folder of run directories, or pretrained system, whose weights levels of the same name start "
    "from.",
)
flags.DEFINE_bool("baseline", False, "Also train the bottom's local model without codes.")
value_flags.define_count("num_samples", 4, "Clips to generate.", lower_bound=1)
value_flags.define_secs("duration_secs", 5.0, "Length of a clip in seconds.", lower_bound=0.001)
level_flags.define()
value_flags.define_seed("Random seed of the generated clips.")
value_flags.define_share("page.html")


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.cli.inputs import check_dataset, run_dir
    from ada.config.bindings import read_system
    from ada.preparation.inputs import split_patterns
    from ada.preparation.options import AudioOptions
    from ada.utils.errors import UsageError
    from ada.utils.files import require_local

    if not FLAGS.gin_file:
        raise UsageError("--gin_file is needed, such as --gin_file=gin/systems/hop64_vqvae.gin.")
    if FLAGS.data_dir and (FLAGS.input_audio_filepatterns or FLAGS.maestro_csv):
        raise UsageError("give either --data_dir, or --input_audio_filepatterns and --maestro_csv.")
    levels = read_system(FLAGS.gin_file, FLAGS.gin_param)
    level_sampling.per_level(level_flags.given(), len(levels))
    for directory in (FLAGS.levels_dir or run_dir(), run_dir()):
        require_local(directory)
    check_dataset(FLAGS.data_dir)
    if FLAGS.input_audio_filepatterns:
        inputs = tuple(split_patterns(FLAGS.input_audio_filepatterns))
        data_dir = Path(FLAGS.levels_dir or run_dir(), "data")
        AudioOptions(inputs, FLAGS.sample_rate).check_input_is_there(str(data_dir))


def main(argv: list[str]) -> int:
    """Runs the command."""
    del argv
    from ada.cli.inputs import run_dir
    from ada.config.bindings import load_system
    from ada.pages.share import share
    from ada.preparation.inputs import split_patterns
    from ada.systems.system import System, run_system

    system = System(
        levels=load_system(FLAGS.gin_file[0]),
        overlays=tuple(FLAGS.gin_file[1:]),
        gin_params=tuple(FLAGS.gin_param),
        baseline=FLAGS.baseline,
        inputs=tuple(split_patterns(FLAGS.input_audio_filepatterns)),
        maestro_csv=FLAGS.maestro_csv,
        data_dir=FLAGS.data_dir,
        levels_dir=FLAGS.levels_dir,
        sample_rate=FLAGS.sample_rate,
        num_offsets=FLAGS.num_offsets,
        init_from=FLAGS.init_from,
        num_samples=FLAGS.num_samples,
        duration_secs=FLAGS.duration_secs,
        sampling=level_flags.given(),
        seed=FLAGS.seed,
    )
    code = run_system(system, run_dir())
    if FLAGS.share:
        share(Path(run_dir(), "page.html"))
    return code


if __name__ == "__main__":
    commands.run(main, check)
