"""Trains, samples and evaluates all systems of the paper's table, into one table and one page.

    python -m tools.systems --gin_file=gin/tiny.gin --run_dir=runs/systems

Systems share the levels that they have in common. Below each autoencoder stands the same one
without our measures, trained on the same. Run again, it resumes; a system that fails does not keep
the others from their rows.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from ada.cli import commands, value_flags
from tools.anti_collapse import PLAIN
from tools.published import PAPER

if TYPE_CHECKING:
    from ada.systems.system import System

FLAGS = flags.FLAGS
value_flags.define_path("run_dir", "runs/systems", "Where everything goes.")
value_flags.define_gin_files("Gin file on top of every model, such as gin/tiny.gin.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding on top of every model.")
value_flags.define_path("data_dir", None, "A prepared dataset. Default: the bundled audio.")
flags.DEFINE_list("systems", list(PAPER), "Names of gin files in gin/systems/.")
flags.DEFINE_bool("plain", True, "Also train the autoencoders without measures.")
value_flags.define_count("num_samples", 4, "Clips to generate a system.", lower_bound=1)
value_flags.define_secs("duration_secs", 20.0, "Length of a clip in seconds.", lower_bound=0.001)


def check() -> None:
    """Refuses unknown names, and gin files and data that cannot be read."""
    from ada.cli.inputs import check_dataset
    from ada.config.bindings import read_system
    from ada.utils.errors import UsageError

    unknown = set(FLAGS.systems) - set(PAPER)
    if unknown:
        raise UsageError(
            f"--systems: no {', '.join(sorted(unknown))}; there are {', '.join(PAPER)}."
        )
    check_dataset(FLAGS.data_dir)
    for name in FLAGS.systems:
        read_system([f"gin/systems/{name}.gin", *FLAGS.gin_file], FLAGS.gin_param)


def main(argv: list[str]) -> int:
    """Runs the command; returns 1 if a system failed or its codes are ignored."""
    del argv
    from ada.utils.files import exclusive

    with exclusive(FLAGS.run_dir):
        return run_systems(Path(FLAGS.run_dir))


def run_systems(root: Path) -> int:
    """Runs them all into a directory; returns 1 if a system failed or its codes are ignored."""
    from ada.config.bindings import load_system
    from ada.systems.system import System, run_system
    from ada.utils import log
    from ada.utils.errors import UserError
    from tools import systems_report

    results: list[dict[str, Any]] = []
    coders: dict[str, dict[str, Any]] = {}
    code = 0
    for name in FLAGS.systems:
        system = System(
            levels=load_system(f"gin/systems/{name}.gin"),
            overlays=tuple(FLAGS.gin_file),
            gin_params=tuple(FLAGS.gin_param),
            data_dir=FLAGS.data_dir,
            levels_dir=str(root / "levels"),
            num_samples=FLAGS.num_samples,
            duration_secs=FLAGS.duration_secs,
        )
        try:
            code |= run_system(system, str(root / name))
            add_rows(name, system, root, results, coders)
        except UserError as error:
            log.warning(f"{name}: {error}")
            code = 1
        systems_report.write(root, results, list(coders.values()))
    names = [row["name"] for row in results if row["name"] in PAPER]
    if names:
        systems_report.write_side_by_side(root, names)
    print((root / "results.md").read_text("utf-8"))
    print(f"Look and listen: {root / 'page.html'}")
    return code


def add_rows(
    name: str,
    system: "System",
    root: Path,
    results: list[dict[str, Any]],
    coders: dict[str, dict[str, Any]],
) -> None:
    """Adds what a finished system gave.

    Args:
      name: of its gin file.
      system: as it was run into `root / name`.
      root: of everything.
      results: rows of `tools.systems_report`; its own is added, and those without measures.
      coders: rows of `tools.autoencoders` by name; those that are missing are added.
    """
    from ada.evaluation.comparison import EVALUATION, read_evaluation
    from tools import autoencoders, systems_report

    evaluation = read_evaluation(root / name / "evaluation" / EVALUATION)
    results.append(systems_report.system_row(name, root, evaluation))
    for level in reversed(evaluation["levels"]):
        coder = Path(level["run_dir"]).name
        if coder in coders or "num_codes" not in level:
            continue
        total = evaluation.get("total_bits")
        coders[coder] = autoencoders.row(coder, level["run_dir"], level, total)
        if not FLAGS.plain:
            continue
        title = f"{coder}, without measures"
        run_dir, alone = train_plain(coder, system)
        coders[title] = autoencoders.row(title, run_dir, alone)
        results.append(systems_report.plain_row(title, f"{coder}_plain", alone))


def train_plain(level: str, system: "System") -> tuple[str, dict[str, Any]]:
    """Trains and scores an autoencoder of a system once more, without measures or search.

    Args:
      level: name of its gin file.
      system: that it is a level of.

    Returns:
      Its run directory and its entry in "levels" of an evaluation.
    """
    from ada.config import configuration
    from ada.runs.run import Run
    from ada.systems.stages import Stages
    from ada.systems.system import depend_on_data
    from tools.autoencoders import train_and_score

    levels = Path(system.levels_dir)
    # It reads what the level itself reads: below it stand the same codes.
    data = Run.open(str(levels / level)).open_dataset().directory
    stages = Stages(levels.parent / "plain")
    depend_on_data(stages, data)
    files = [f"gin/{level}.gin", *system.overlays]
    params = configuration.params_for(files, [*system.gin_params, *PLAIN])
    return train_and_score(stages, level, level, system, params, data)


if __name__ == "__main__":
    commands.run(main, check)
