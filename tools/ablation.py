"""What keeps codes alive: first-level autoencoders with one remedy changed at a time, in one table.

    python -m tools.ablation --gin_file=gin/tiny.gin --run_dir=runs/ablation

Run again, it goes on.
"""

import json
from pathlib import Path
from typing import Any

from absl import flags

from ada import commands
from tools.remedies import VARIANTS

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", "runs/ablation", "Where everything goes.")
flags.DEFINE_multi_string("gin_file", [], "Gin file on top of every model, such as gin/tiny.gin.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding on top of every model.")
flags.DEFINE_string("data_dir", None, "A prepared dataset. Default: the bundled audio.")
flags.DEFINE_list("models", ["hop64_vqvae", "hop8_amae"], "Which of the two.")
flags.DEFINE_list("variants", [], "Names of variants, such as 'no restarts'; all by default.")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada import configuration
    from ada.data.spec import write_text_atomically
    from ada.stages import Stages
    from ada.systems import System, prepared, train_level
    from tools import autoencoders, tables

    root = Path(FLAGS.run_dir)
    results: list[dict[str, Any]] = []
    for model, name, changes in VARIANTS:
        if model not in FLAGS.models or (FLAGS.variants and name not in FLAGS.variants):
            continue
        system = System((model,), tuple(FLAGS.gin_file), data_dir=FLAGS.data_dir)
        # Every variant depends on the data and its own settings, not on the variant before.
        alone = Stages(root)
        data = prepared(system, alone)
        stage = "_".join([model, *changes]).replace("=", "").replace("/", "-")
        files = [f"gin/{model}.gin", *FLAGS.gin_file]
        params = [*configuration.params_for(files, FLAGS.gin_param), *changes]
        run_dir = train_level(alone, stage, model, system, params, data)
        numbers = root / f"{stage}.json"
        command = ["ada.evaluate", f"--run_dirs={run_dir}", f"--json={numbers}"]
        alone.run(f"{stage}_evaluation", command, numbers)
        [level] = json.loads(numbers.read_text())["levels"]
        results.append(autoencoders.row(f"{model}: {name}", run_dir, level))
    table = tables.markdown(autoencoders.HEADER, map(autoencoders.cells, results))
    write_text_atomically(str(root / "ablation.json"), json.dumps(results, indent=1) + "\n")
    write_text_atomically(str(root / "ablation.md"), table)
    print(table)


if __name__ == "__main__":
    commands.run(main)
