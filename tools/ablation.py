"""What keeps codes alive: first-level autoencoders with one remedy changed at a time, in one table.

    python -m tools.ablation --gin_file=gin/tiny.gin --run_dir=runs/ablation

Run again, it goes on.
"""

import json
from pathlib import Path
from typing import Any

from absl import flags

from ada import commands

# Model, name of the variant, what is changed. The first of each model changes nothing.
VARIANTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("hop64_vqvae", "all remedies", ()),
    ("hop64_vqvae", "longer local field", ("LOCAL_LAYERS=10",)),
    ("hop64_vqvae", "no replaced inputs", ("INPUT_REPLACEMENT=0.0",)),
    (
        "hop64_vqvae",
        "no warm-up but codebook from data",
        ("CODEBOOK_WARMUP_STEPS=0", "INIT_FROM_DATA=True"),
    ),
    ("hop64_vqvae", "no warm-up", ("CODEBOOK_WARMUP_STEPS=0",)),
    ("hop64_vqvae", "no restarts", ("RESTART_EVERY=0",)),
    (
        "hop64_vqvae",
        "none: the paper's plain setting",
        ("CODEBOOK_WARMUP_STEPS=0", "RESTART_EVERY=0", "INPUT_REPLACEMENT=0.0"),
    ),
    ("hop8_amae", "all remedies", ()),
    *(
        ("hop8_amae", f"nu = {nu:g} instead of 10", (f"DIVERSITY_WEIGHT={nu}",))
        for nu in (0.1, 1.0, 100.0, 1000.0, 10000.0)
    ),
    ("hop8_amae", "no replaced inputs", ("INPUT_REPLACEMENT=0.0",)),
    ("hop8_amae", "no warm-up", ("CODEBOOK_WARMUP_STEPS=0",)),
    (
        "hop8_amae",
        "none: the paper's plain setting",
        (
            "CODEBOOK_WARMUP_STEPS=0",
            "INPUT_REPLACEMENT=0.0",
            "ARGMAX_NORMALIZATION='relu'",
            "DIVERSITY_WEIGHT=1000.0",
        ),
    ),
)

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
