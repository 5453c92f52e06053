"""Evaluates systems: chains of run directories, top first, on a split of their data.

    python -m ada.evaluate --run_dirs=runs/prior_hop64,runs/hop64_vqvae
    python -m ada.evaluate --run_dirs=runs/prior_hop64,runs/hop64_vqvae --run_dirs=runs/wavenet \
        --output_dir=out/evaluation

The first prints what each level costs in bits, and what its codes are worth. With --output_dir,
clips are reconstructed, generated and compared with real ones besides (with the packages of
`pip install -e '.[eval]'`), and everything goes into a page, JSON, CSV and WAV files.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from ada.cli import commands, level_flags, value_flags
from ada.generation import level_sampling
from ada.utils.errors import UsageError

if TYPE_CHECKING:
    from ada.runs.chain import Chain

FLAGS = flags.FLAGS
value_flags.define_multi_paths(
    "run_dirs", None, "Run directories of a system, top first, with commas; repeat for several."
)
flags.DEFINE_list("names", None, "Names of the systems. Default: their run directories.")
flags.DEFINE_enum("split", "validation", ["train", "validation", "test"], "Split to score.")
flags.DEFINE_enum(
    "checkpoint",
    "best",
    ["best", "latest"],
    "Checkpoint of the top run; the runs below use the one that made the codes.",
)
value_flags.define_path(
    "data_dir",
    None,
    "Dataset for the last runs, encoded for those above. Default: what each was trained on.",
)
value_flags.define_path("output_dir", None, "Directory for page, JSON, CSV and clips.")
value_flags.define_path("json", None, "A file for the bits, without --output_dir.")
value_flags.define_paths(
    "samples",
    None,
    "Output directories of ada.sample, one a system (or nothing, between commas). Default: clips "
    "are generated.",
)
value_flags.define_count("num_samples", 4, "Clips to generate of each; 0 for none.", lower_bound=0)
value_flags.define_secs(
    "duration_secs",
    20.0,
    "Length of generated clips in seconds, the longest over which structure is measured.",
    lower_bound=0.001,
)
value_flags.define_seed("Random seed of the generated clips.")
value_flags.define_share("page.html")
level_flags.define()
flags.mark_flag_as_required("run_dirs")


def check() -> None:
    """Raises UserError for mistakes that can be found without TensorFlow."""
    from ada.cli.inputs import check_dataset
    from ada.runs.chain import open_runs
    from ada.utils.files import require_local

    run_dirs, names, samples = _systems()
    if not FLAGS.names and len(set(names)) < len(names):
        raise UsageError(
            f"{', '.join(names)} are called alike: tell them apart by --names=one,other"
        )
    for flag, values in (("names", names), ("samples", samples)):
        if len(values) != len(run_dirs):
            raise UsageError(f"--{flag}: {len(values)} given, of {len(run_dirs)} --run_dirs")
    usable = all(name and name != ".." and Path(name).name == name for name in names)
    if len(set(names)) < len(names) or not usable:
        raise UsageError(f"--names: {', '.join(names)} must be unique names of folders")
    for dirs in run_dirs:
        runs = open_runs(dirs)
        if FLAGS.output_dir is not None:
            level_sampling.resolve([run.directory for run in runs], level_flags.given())
    if FLAGS.output_dir is not None:
        require_local(FLAGS.output_dir)
    elif FLAGS.share:
        raise UsageError("--share is for the page of --output_dir")
    check_dataset(FLAGS.data_dir)


def _systems() -> tuple[list[list[str]], list[str], list[str | None]]:
    """Run directories, name and samples of every system."""
    run_dirs = [value.split(",") for value in FLAGS.run_dirs]
    names = FLAGS.names or [" + ".join(Path(d).name for d in reversed(dirs)) for dirs in run_dirs]
    samples = [path or None for path in FLAGS.samples or [None] * len(run_dirs)]
    return run_dirs, names, samples


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.evaluation.chain import table
    from ada.evaluation.comparison import (
        PAGE,
        Options,
        SystemToEvaluate,
        compare,
        write_evaluation,
    )
    from ada.evaluation.note_report import lines
    from ada.pages.share import share
    from ada.preparation import bundled
    from ada.pretrained import is_packaged
    from ada.runs.chain import Chain

    run_dirs, names, samples = _systems()
    chains = [Chain.open(dirs, FLAGS.checkpoint) for dirs in run_dirs]
    data_dir = FLAGS.data_dir
    if data_dir is None and all(is_packaged(chain.runs[-1].directory) for chain in chains):
        data_dir = bundled.dataset_of_pretrained()
    if FLAGS.output_dir is None:
        results = [bits(chain, data_dir) for chain in chains]
        if FLAGS.json:
            write_evaluation(FLAGS.json, FLAGS.split, results)
    else:
        sampling = level_flags.given()
        for chain in chains:
            values = level_sampling.resolve(chain.run_dirs, sampling)
            if line := level_sampling.described(values):
                print(line)
        options = Options(
            *(FLAGS.split, data_dir, FLAGS.num_samples, FLAGS.duration_secs, FLAGS.seed),
            sampling=sampling,
        )
        systems = [SystemToEvaluate(*three) for three in zip(names, chains, samples, strict=True)]
        results = compare(systems, options, FLAGS.output_dir)
    for name, result in zip(names, results, strict=True):
        text = "\n".join([table(result), *lines(result)])
        print(text if len(results) == 1 else f"== {name}\n{text}")
    if FLAGS.output_dir is not None:
        print(f"Look and listen: {Path(FLAGS.output_dir) / PAGE}")
        if FLAGS.share:
            share(Path(FLAGS.output_dir) / PAGE)


def bits(chain: "Chain", data_dir: str | None) -> dict[str, Any]:
    """The numbers of a chain; codes of other audio are kept no longer than it takes."""
    from ada.evaluation.chain import encode_for, evaluate_chain

    if not data_dir:
        return evaluate_chain(chain, FLAGS.split)
    with tempfile.TemporaryDirectory() as codes_dir:
        data_dirs = encode_for(chain, data_dir, Path(codes_dir))
        return evaluate_chain(chain, FLAGS.split, data_dirs)


if __name__ == "__main__":
    commands.run(main, check)
