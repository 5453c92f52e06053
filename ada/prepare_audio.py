"""Makes a dataset of a folder of audio.

    python -m ada.prepare_audio --input_audio_filepatterns='music/**/*' \
        --output_dir=data/piano --sample_rate=16000

WAV, FLAC, Ogg, MP3, M4A, AIFF and whatever else FFmpeg decodes, of any rate, depth and channel
count, are mixed down, resampled and stored as lossless 16-bit PCM, split by file into train,
validation and test. Copies, other formats and other microphones of a recording are kept in one
split. Interrupted and run again, it resumes where it stopped.
"""

from typing import TYPE_CHECKING

from absl import flags

from ada.cli import commands, runner_flags, value_flags

if TYPE_CHECKING:
    from ada.preparation.options import AudioOptions

FLAGS = flags.FLAGS
value_flags.define_patterns(
    "input_audio_filepatterns",
    [],
    "Files, directories (searched to the bottom) or patterns ('**' stands for any number of "
    "directories); repeat the flag or separate by commas.",
)
value_flags.define_path("output_dir", None, "Directory of the dataset.")
value_flags.define_sample_rate("Sample rate of the dataset in Hz.")
value_flags.define_secs("min_secs", 1.0, "Files shorter than this are dropped.", lower_bound=0)
value_flags.define_float("validation_fraction", 0.1, "Share of the files.", 0.0, 1.0)
value_flags.define_float("test_fraction", 0.1, "Share of the files.", 0.0, 1.0)
value_flags.define_count(
    "num_shards",
    None,
    "Shards of the train split, the others in proportion; by size by default.",
    lower_bound=1,
)
flags.DEFINE_integer("record_steps", 16384, "Samples in a record.", 1, 2**24)
value_flags.define_path(
    "maestro_csv",
    None,
    "MAESTRO's csv: its files and its splits are used. With patterns too, only files that match.",
)
flags.DEFINE_enum(
    "decoder",
    "pyav",
    ["pyav", "tfio", "soundfile"],
    "Audio decoder: FFmpeg's or tensorflow-io's; soundfile is an old name of pyav.",
)
flags.DEFINE_bool("overwrite", False, "Make the dataset again even if it is complete.")
runner_flags.define(default="auto")


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    runner_flags.check()
    options = _options()
    options.check()
    options.check_input_is_there(FLAGS.output_dir)


def _options() -> "AudioOptions":
    from ada.preparation.inputs import split_patterns
    from ada.preparation.options import AudioOptions

    return AudioOptions(
        inputs=tuple(split_patterns(FLAGS.input_audio_filepatterns)),
        sample_rate=FLAGS.sample_rate,
        min_secs=FLAGS.min_secs,
        validation_fraction=FLAGS.validation_fraction,
        test_fraction=FLAGS.test_fraction,
        num_shards=FLAGS.num_shards,
        record_steps=FLAGS.record_steps,
        maestro_csv=FLAGS.maestro_csv,
        decoder=FLAGS.decoder.replace("soundfile", "pyav"),
    )


def main(argv: list[str]) -> None:
    """Prepares what the flags say."""
    del argv
    # Here, not above: TensorFlow has to be started quietly first.
    from ada.preparation.prepare import prepare

    run_jobs = runner_flags.chosen(label="Preparing", unit="file")
    prepare(FLAGS.output_dir, _options(), overwrite=FLAGS.overwrite, run_jobs=run_jobs)


if __name__ == "__main__":
    flags.mark_flag_as_required("output_dir")
    flags.register_multi_flags_validator(
        ["input_audio_filepatterns", "maestro_csv"],
        lambda given: bool(given["input_audio_filepatterns"] or given["maestro_csv"]),
        "one of --input_audio_filepatterns and --maestro_csv is needed",
    )
    commands.run(main, check)
