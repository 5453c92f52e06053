"""Trains, samples and evaluates all systems of the paper's table, into one table and one page.

    python -m tools.systems --gin_file=gin/tiny.gin --run_dir=runs/systems

Systems share the levels that they have in common. Below each autoencoder stands the same one with
the paper's plain settings: what our remedies change. Run again, it goes on.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from ada import commands
from tools.remedies import PLAIN
from tools.systems_report import PAPER

if TYPE_CHECKING:
    from ada.systems import System


FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", "runs/systems", "Where everything goes.")
flags.DEFINE_multi_string("gin_file", [], "Gin file on top of every model, such as gin/tiny.gin.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding on top of every model.")
flags.DEFINE_string("data_dir", None, "A prepared dataset. Default: the bundled audio.")
flags.DEFINE_list("systems", list(PAPER), "Names of gin files in gin/systems/.")
flags.DEFINE_bool("plain", True, "Also train the autoencoders with plain settings.")
flags.DEFINE_integer("num_samples", 2, "Clips to generate a system.", lower_bound=1)
flags.DEFINE_float("duration_secs", 4.0, "Length of a clip in seconds.", lower_bound=0.001)


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    from ada.configuration import load_system
    from ada.data.spec import write_text_atomically
    from ada.errors import UsageError
    from ada.systems import System, run_system
    from tools import autoencoders, systems_report
    from tools.tables import markdown

    unknown = set(FLAGS.systems) - set(PAPER)
    if unknown:
        raise UsageError(
            f"--systems: no {', '.join(sorted(unknown))}; there are {', '.join(PAPER)}."
        )
    root = Path(FLAGS.run_dir)
    results: list[dict[str, Any]] = []
    coders: dict[str, dict[str, Any]] = {}
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
        run_system(system, str(root / name))
        evaluation = json.loads((root / name / "evaluation.json").read_text())
        results.append(system_row(name, root, evaluation))
        for level in reversed(evaluation["levels"]):
            coder = Path(level["run_dir"]).name
            if coder in coders or "num_codes" not in level:
                continue
            total = evaluation.get("total_bits")
            coders[coder] = autoencoders.row(coder, level["run_dir"], level, total)
            if FLAGS.plain:
                run_dir, level = plain_level(coder, system, root)
                results.append(plain_row(coder, run_dir, level))
                coders[f"{coder}, plain"] = autoencoders.row(f"{coder}, plain", run_dir, level)
    tables = [
        markdown(systems_report.HEADER, map(systems_report.cells, results)),
        markdown(autoencoders.HEADER, map(autoencoders.cells, coders.values())),
    ]
    for file, rows in (("results.json", results), ("autoencoders.json", list(coders.values()))):
        write_text_atomically(str(root / file), json.dumps(rows, indent=1) + "\n")
    write_text_atomically(str(root / "results.md"), "\n".join(tables))
    systems_report.write_page(root / "page.html", results, list(coders.values()))
    print("\n".join(tables))
    print(f"Look and listen: {root / 'page.html'}")


def system_row(name: str, root: Path, evaluation: dict[str, Any]) -> dict[str, Any]:
    """One object of `results.json`, from what the pipeline left in `root / name`."""
    from ada.runs import Run

    summary = json.loads((root / name / "summary.json").read_text())
    published = PAPER[name]
    top = evaluation["levels"][0]["run_dir"]
    run = Run.open(top)
    samples = run.build_model().receptive_field * run.info.hop_length
    return {
        "system": published.title,
        "name": name,
        "levels": len(evaluation["levels"]),
        "rf_ms": 1000 * samples / run.info.sample_rate,
        "rf_ms_paper": published.rf_ms,
        **code_numbers(evaluation["levels"]),
        "total_bits": evaluation.get("total_bits"),
        "generation_realtime_factor": summary["real_time_factor"],
        "sample_rate": run.info.sample_rate,
        "wavs": summary["wavs"],
        "fidelity": published.fidelity,
        "musicality": published.musicality,
    }


def code_numbers(levels: list[dict[str, Any]]) -> dict[str, Any]:
    """What "levels" of an evaluation, top first, say of codes; lists are from the bottom up."""
    bottom, upper = levels[-1], levels[:-1]
    coded = [level for level in reversed(levels) if "num_codes" in level]
    return {
        "reconstruction_bits": bottom["bits_per_sample"] if bottom["conditional"] else None,
        "code_bits_per_sample": sum(u["bits_per_sample"] for u in upper) if upper else None,
        "perplexity": [level["perplexity"] for level in coded],
        "used_codes": [level["used_codes"] for level in coded],
        "rolled_codes_cost_bits": [level["rolled_codes_cost_bits"] for level in coded],
    }


def plain_level(name: str, system: "System", root: Path) -> tuple[str, dict[str, Any]]:
    """Trains and scores an autoencoder of a system with plain settings.

    Returns:
      Its run directory and its entry in "levels" of an evaluation.
    """
    from ada import configuration
    from ada.runs import Run
    from ada.stages import Stages
    from ada.systems import train_level

    info = Run.open(str(root / "levels" / name)).info
    stages = Stages(root / "plain")
    # It reads what the one with remedies reads: below it stand the same codes.
    stages.depend_on(json.dumps(info.upstream))
    files = [f"gin/{name}.gin", *system.overlays]
    params = configuration.params_for(files, [*system.gin_params, *PLAIN])
    run_dir = train_level(stages, name, name, system, params, info.data_dir, search=False)
    numbers = root / "plain" / f"{name}.json"
    command = ["ada.evaluate", f"--run_dirs={run_dir}", f"--json={numbers}"]
    stages.run(f"{name}_evaluation", command, numbers)
    [level] = json.loads(numbers.read_text())["levels"]
    return run_dir, level


def plain_row(name: str, run_dir: str, level: dict[str, Any]) -> dict[str, Any]:
    """One object of `results.json`, for an autoencoder with plain settings."""
    return {
        "system": f"{name} alone, plain settings",
        "name": f"{name}_plain",
        "levels": 1,
        "run_dir": run_dir,
        **code_numbers([level]),
    }


if __name__ == "__main__":
    commands.run(main)
