"""What keeps notes out of reconstructions: the codes, or the local model that decodes them?

    python -m tools.note_limits --run_dir=runs/hop64_vqvae --data_dir=data/piano

Reconstructs the same clips from the quantised queries and from the queries as they are, with the
same random numbers, and compares note F1. If both are equal, the local model is the limit: it does
not make use of what is there. Where the model has an auxiliary loss, the share of its target that
one linear layer reads from the conditioning is printed beside, without any local model.
"""

from absl import flags

from ada.cli import commands, value_flags
from tools.conditionings import CODES, QUERIES, Row, check, measure

FLAGS = flags.FLAGS
value_flags.define_path("run_dir", None, "Run directory of a VQ-VAE of audio.")
value_flags.define_path("data_dir", None, "Audio dataset. Default: the one the run was trained on.")
flags.DEFINE_enum("split", "validation", ["train", "validation", "test"], "Split of the clips.")
value_flags.define_count("num_clips", 8, "Number of clips, spread over the split.", lower_bound=2)
value_flags.define_secs("clip_secs", 5.0, "Length of a clip in seconds.", lower_bound=0.1)
value_flags.define_seed("Random seed for sampling.")
flags.mark_flag_as_required("run_dir")

HEADER = ("conditioning on", "note F1 ↑", "frame F1 ↑", "explained ↑")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.evaluation.clips import spread_clips
    from ada.evaluation.note_report import shown
    from ada.evaluation.note_scores import statistic
    from ada.generation import SamplingConfig
    from ada.runs.run import Run
    from ada.runs.sampling_defaults import read
    from tools.tables import markdown

    run = Run.open(FLAGS.run_dir)
    model = run.load_model()
    check(model, run.info.kind)
    dataset = run.open_dataset(FLAGS.data_dir)
    stored = spread_clips(dataset, FLAGS.split, FLAGS.num_clips, FLAGS.clip_secs)
    draws = SamplingConfig.from_values(read(run.directory)[0], FLAGS.seed)
    rows = measure(run, model, stored, draws)
    print(markdown(HEADER, map(cells, rows)))
    note_f1 = {row.name: row.note_f1 for row in rows}
    lost = statistic(
        None if None in pair else pair[1] - pair[0]
        for pair in zip(note_f1[CODES], note_f1[QUERIES], strict=True)
    )
    print(
        f"Note F1 that codes cost, clip by clip: {shown(lost)}. {len(stored)} clips of "
        f"{stored.shape[1] / run.info.sample_rate:g} s of {dataset.directory} ({FLAGS.split}); "
        f"seed {draws.seed}, temperature {draws.temperature:g}, top-k {draws.top_k}, top-p "
        f"{draws.top_p:g}. Errors are standard errors over clips."
    )


def cells(row: Row) -> list[str]:
    """A row of the table."""
    from ada.evaluation.note_report import shown
    from ada.evaluation.note_scores import statistic

    scores = [shown(statistic(values)) for values in (row.note_f1, row.frame_f1)]
    return [row.name, *scores, "–" if row.explained is None else f"{row.explained:.3f}"]


if __name__ == "__main__":
    commands.run(main)
