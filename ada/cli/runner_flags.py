"""--runner and --pipeline_options: where a command's jobs are done (`ada.preparation.runners`)."""

import functools
from typing import TYPE_CHECKING

from absl import flags

from ada.utils.errors import UsageError

if TYPE_CHECKING:
    from ada.preparation.runners import RunJobs

FLAGS = flags.FLAGS
# The flags belong to the command that asks for them, and stand in its --help.
flags.disclaim_key_flags()


def define(default: str) -> None:
    """Defines both flags.

    Args:
      default: of --runner.
    """
    flags.DEFINE_enum(
        "runner",
        default,
        ["auto", "beam", "in_process"],
        "beam: Apache Beam, by default its local runner on all cores. in_process: this process, "
        "without Beam. auto: Beam where it is installed.",
    )
    flags.DEFINE_multi_string(
        "pipeline_options",
        [],
        "Options of the Beam pipeline, as '--runner=DataflowRunner,--project=...'; may be "
        "repeated.",
    )


def check() -> None:
    """Raises UsageError for options of a pipeline without Beam."""
    if FLAGS.runner == "in_process" and FLAGS.pipeline_options:
        raise UsageError("--pipeline_options are Beam's: add --runner=beam")


def chosen(*, label: str, unit: str, num_threads: int | None = None) -> "RunJobs":
    """The runner of jobs that the flags choose.

    Args:
      label: in front of the progress bar.
      unit: what a job is about.
      num_threads: in this process; as many as there are cores if None.

    Raises:
      DatasetError: if Beam is asked for and is not installed.
    """
    from ada.data.spec import DatasetError
    from ada.preparation.runners import run_in_process
    from ada.utils import log
    from ada.utils.extras import how_to_install

    here = functools.partial(run_in_process, num_threads=num_threads, label=label, unit=unit)
    if FLAGS.runner == "in_process":
        return here
    try:
        from ada.preparation import beam
    except ImportError as error:
        if FLAGS.runner == "auto" and not FLAGS.pipeline_options:
            log.info(f"Apache Beam is not installed: {label.lower()} in this process.")
            return here
        raise DatasetError(
            f"{how_to_install('beam', 'apache-beam')} Or use --runner=in_process, which needs none."
        ) from error
    options = beam.pipeline_options(FLAGS.pipeline_options)
    return functools.partial(beam.run_on_beam, options=options, label=label, unit=unit)
