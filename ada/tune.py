"""Fine-tunes a pretrained system on a folder of music, within a budget of minutes.

    python -m ada.tune music/ --minutes=20

It prepares the music, trains every level for as long as fits, keeps what became better, and writes
a page: new clips, your songs before and after, and what it learnt in plain words. Ctrl-C at any
time leaves a system that can be played; the same command resumes. With more --minutes it goes on
from where it ended: they count all calls together.
"""

from pathlib import Path

from absl import flags

from ada.cli import commands, value_flags
from ada.utils.errors import UsageError
from ada.utils.files import expanded

FLAGS = flags.FLAGS
value_flags.define_float(
    "minutes", 20.0, "Time for everything, all calls together.", lower_bound=0.1, upper_bound=20_000
)
value_flags.define_path(
    "init_from",
    "piano_notes",
    "A pretrained system, or a folder that holds one, such as that of another fine-tuning.",
)
value_flags.define_path(
    "run_dir", None, "Directory for all output. Default: runs/<name of the music>."
)
value_flags.define_seed("Random seed of the clips on the page.")
value_flags.define_share("page.html")

_MOST_ARGUMENTS = 10_000  # a shell makes as many of music/*.mp3


def main(argv: list[str]) -> None:
    """Runs the command."""
    inputs = [expanded(argument) for argument in argv[1:]]
    if not inputs:
        raise UsageError("name your music: ada tune music/ --minutes=20")
    run_dir = FLAGS.run_dir or str(Path("runs", Path(inputs[0]).resolve().stem))
    check_inputs_and_start(inputs, run_dir)
    commands.start_tensorflow()
    from ada.pages.share import share
    from ada.tuning.tune import PAGE, Options, tune

    tune(Options(tuple(inputs), FLAGS.init_from, FLAGS.minutes, FLAGS.seed), run_dir)
    if FLAGS.share:
        share(Path(run_dir, PAGE))


def check_inputs_and_start(inputs: list[str], run_dir: str) -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.preparation.options import AudioOptions
    from ada.runs.chain import open_runs, require_audio
    from ada.tuning.start import start_of

    require_audio(open_runs(start_of(FLAGS.init_from)))
    AudioOptions(tuple(inputs)).check_input_is_there(str(Path(run_dir, "data")))


if __name__ == "__main__":
    commands.run(main, tensorflow=False, arguments=_MOST_ARGUMENTS)
