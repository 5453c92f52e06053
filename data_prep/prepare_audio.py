"""Makes a dataset of a folder of audio.

    python -m data_prep.prepare_audio --input_audio_filepatterns='music/**/*' \
        --output_dir=data/piano --sample_rate=16000

WAV, FLAC, OGG, MP3 and AIFF of any rate, depth and channel count are mixed down, resampled and
stored as lossless 16-bit PCM, split by file into train, validation and test. Interrupted and run
again, it goes on where it stopped.
"""

import functools
from typing import TYPE_CHECKING

from absl import flags

from ada import commands

if TYPE_CHECKING:
    from ada.data.preparation import RunJobs

FLAGS = flags.FLAGS
flags.DEFINE_multi_string(
    "input_audio_filepatterns",
    [],
    "Files, directories (searched to the bottom) or patterns ('**' stands for any number of "
    "directories); repeat the flag or separate by commas.",
)
flags.DEFINE_string("output_dir", None, "Directory of the dataset.")
flags.DEFINE_integer("sample_rate", 16000, "Of the dataset, in Hz.", lower_bound=1)
flags.DEFINE_float("min_secs", 1.0, "Files shorter than this are dropped.", lower_bound=0)
flags.DEFINE_float("validation_fraction", 0.1, "Share of the files.", 0.0, 1.0)
flags.DEFINE_float("test_fraction", 0.1, "Share of the files.", 0.0, 1.0)
flags.DEFINE_integer(
    "num_shards",
    None,
    "Shards of the train split, the others in proportion; by size by default.",
    lower_bound=1,
)
flags.DEFINE_integer("record_steps", 16384, "Samples in a record.", lower_bound=1)
flags.DEFINE_string(
    "maestro_csv",
    None,
    "MAESTRO's csv: its files and its splits are used. With patterns too, only files that match.",
)
flags.DEFINE_enum("decoder", "soundfile", ["soundfile", "tfio"], "What decodes audio.")
flags.DEFINE_bool("overwrite", False, "Make the dataset anew even if it is complete.")
flags.DEFINE_enum(
    "runner",
    "auto",
    ["auto", "beam", "in_process"],
    "beam: Apache Beam, by default its local runner on all cores. in_process: threads of this "
    "process, without Beam. auto: Beam where it is installed.",
)
flags.DEFINE_multi_string(
    "pipeline_options",
    [],
    "Options of the Beam pipeline, as '--runner=DataflowRunner,--project=...'; may be repeated.",
)


def main(argv: list[str]) -> None:
    """Prepares what the flags say."""
    del argv
    # Here, not above: TensorFlow has to be started quietly first.
    from ada.data.inputs import split_patterns
    from ada.data.options import AudioOptions
    from ada.data.preparation import prepare

    options = AudioOptions(
        inputs=tuple(split_patterns(FLAGS.input_audio_filepatterns)),
        sample_rate=FLAGS.sample_rate,
        min_secs=FLAGS.min_secs,
        validation_fraction=FLAGS.validation_fraction,
        test_fraction=FLAGS.test_fraction,
        num_shards=FLAGS.num_shards,
        record_steps=FLAGS.record_steps,
        maestro_csv=FLAGS.maestro_csv,
        decoder=FLAGS.decoder,
    )
    prepare(FLAGS.output_dir, options, overwrite=FLAGS.overwrite, run_jobs=_run_jobs())


def _run_jobs() -> "RunJobs":
    from ada import log
    from ada.data.runners import run_in_process
    from ada.data.spec import DatasetError

    if FLAGS.runner == "in_process":
        return run_in_process
    try:
        from ada.data import beam
    except ImportError as error:
        if FLAGS.runner == "auto" and not FLAGS.pipeline_options:
            log.info("Apache Beam is not installed: preparing in this process, on all cores.")
            return run_in_process
        raise DatasetError(
            "Apache Beam is not installed: in the clone, pip install -e '.[beam]', or use "
            "--runner=in_process, which needs none."
        ) from error
    options = beam.pipeline_options(FLAGS.pipeline_options)
    return functools.partial(beam.run_on_beam, options=options)


if __name__ == "__main__":
    flags.mark_flag_as_required("output_dir")
    flags.register_multi_flags_validator(
        ["input_audio_filepatterns", "maestro_csv"],
        lambda given: bool(given["input_audio_filepatterns"] or given["maestro_csv"]),
        "one of --input_audio_filepatterns and --maestro_csv is needed",
    )
    commands.run(main)
