"""What keeps codes alive: first-level autoencoders, one measure changed at a time, in one table.

    python -m tools.ablation --run_dir=runs/ablation

The sizes are those of gin/tiny.gin, trained for fewer steps: codes that die do so within the first
few hundred. Run again, it resumes.
"""

import json
from pathlib import Path
from typing import Any

from absl import flags

from ada.cli import commands, value_flags
from tools.anti_collapse import MODELS, VARIANTS

GIN_FILE = "gin/tiny.gin"
SHORTER = ("NUM_STEPS=600", "INPUT_REPLACEMENT_STEPS=400")

FLAGS = flags.FLAGS
value_flags.define_path("run_dir", "runs/ablation", "Where everything goes.")
flags.DEFINE_multi_string(
    "gin_param", [], "Gin binding on top of every model, such as NUM_STEPS=1000 (here 600)."
)
value_flags.define_path("data_dir", None, "A prepared dataset. Default: the bundled audio.")
flags.DEFINE_list("models", list(MODELS), "Which of these.")
flags.DEFINE_list("variants", [], "Names of variants, such as 'no restarts'; all by default.")


def check() -> None:
    """Refuses unknown names."""
    chosen()


def main(argv: list[str]) -> int:
    """Runs the command."""
    del argv
    from ada.utils.files import exclusive

    root = Path(FLAGS.run_dir)
    variants = chosen()
    with exclusive(root):
        return run_variants(root, variants)


def run_variants(root: Path, variants: list[tuple[str, str, tuple[str, ...]]]) -> int:
    """Trains, scores and writes the table; returns 1 if a variant failed."""
    from ada.utils import log
    from ada.utils.errors import UserError
    from ada.utils.files import write_text_atomically
    from tools import autoencoders, tables

    results: list[dict[str, Any]] = []
    failed = 0
    for model, name, changes in variants:
        title = f"{model}: {name}"
        try:
            run_dir, level = train_variant(root, model, changes)
        except UserError as error:
            # The others are worth having.
            log.warning(f"{title}: {error}")
            failed = 1
            continue
        results.append(autoencoders.row(title, run_dir, level))
        table = tables.markdown(autoencoders.HEADER, map(autoencoders.cells, results))
        text = json.dumps(results, indent=1) + "\n"
        write_text_atomically(str(root / "ablation.json"), text)
        write_text_atomically(str(root / "ablation.md"), f"{table}\n{autoencoders.LEGEND}\n")
    if results:
        print((root / "ablation.md").read_text("utf-8"))
    return failed


def chosen() -> list[tuple[str, str, tuple[str, ...]]]:
    """The variants that the flags name; raises UsageError for unknown names."""
    from ada.utils.errors import UsageError

    names = {name for _, name, _ in VARIANTS}
    for flag, known in (("models", set(MODELS)), ("variants", names)):
        unknown = set(FLAGS[flag].value) - known
        if unknown:
            raise UsageError(
                f"--{flag}: no {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}."
            )
    found = [
        (model, name, changes)
        for model, name, changes in VARIANTS
        if model in FLAGS.models and (not FLAGS.variants or name in FLAGS.variants)
    ]
    if not found:
        raise UsageError("--models and --variants leave nothing.")
    return found


def train_variant(root: Path, model: str, changes: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Trains and scores; returns the run directory and its entry in "levels" of an evaluation."""
    from ada.config import configuration
    from ada.systems.stages import Stages
    from ada.systems.system import System, prepared
    from tools.autoencoders import train_and_score

    system = System((model,), (GIN_FILE,), data_dir=FLAGS.data_dir)
    # Every variant depends on the data and its own settings, not on the variant before.
    stages = Stages(root)
    data = prepared(system, stages)
    name = "_".join([model, *changes]).replace("=", "").replace("'", "")
    files = [f"gin/{model}.gin", GIN_FILE]
    params = configuration.params_for(files, [*SHORTER, *FLAGS.gin_param])
    return train_and_score(stages, name, model, system, [*params, *changes], data)


if __name__ == "__main__":
    commands.run(main, check)
