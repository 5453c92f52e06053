"""Trains, samples and evaluates all systems of the paper's table, into one table and one page.

    python -m tools.systems --gin_file=gin/tiny.gin --run_dir=runs/systems

Systems share the levels that they have in common. Below each autoencoder stands the same one with
the paper's plain settings: what our remedies change. Run again, it goes on.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from ada import commands

if TYPE_CHECKING:
    from ada.systems import System


class Published(NamedTuple):
    """A row of the slides' table: receptive field and human ratings, as published."""

    title: str
    rf_ms: int | None = None
    fidelity: str | None = None
    musicality: str | None = None


PAPER = {
    "large_wavenet": Published("Large WaveNet", 384, "3.82 ± 0.18", "2.43 ± 0.14"),
    "very_large_wavenet": Published("Very large WaveNet", 768, "3.82 ± 0.20", "2.89 ± 0.17"),
    "thin_wavenet": Published("Thin WaveNet with large RF", 3072, "2.43 ± 0.17", "1.71 ± 0.18"),
    "hop8_vqvae": Published("hop-8 VQ-VAE + large WaveNet", 3072, "3.79 ± 0.16", "3.04 ± 0.16"),
    "hop64_vqvae": Published("hop-64 VQ-VAE + large WaveNet", 24576, "3.54 ± 0.18", "3.07 ± 0.17"),
    "vqvae_pbt_vqvae": Published(
        "VQ-VAE + PBT-VQ-VAE + large WaveNet", 24576, "3.71 ± 0.18", "4.04 ± 0.14"
    ),
    "vqvae_amae": Published("VQ-VAE + AMAE + large WaveNet", 24576, "3.93 ± 0.18", "3.46 ± 0.15"),
    "nsynth": Published("NSynth baseline: reconstruction only"),
}
# What switches our remedies off, on top of everything else.
PLAIN = (
    "CODEBOOK_WARMUP_STEPS=0",
    "RESTART_EVERY=0",
    "INPUT_REPLACEMENT=0.0",
    "ARGMAX_NORMALIZATION='relu'",
    "DIVERSITY_WEIGHT=1000.0",
)

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
    from tools.systems_report import markdown, write_page

    unknown = set(FLAGS.systems) - set(PAPER)
    if unknown:
        raise UsageError(
            f"--systems: no {', '.join(sorted(unknown))}; there are {', '.join(PAPER)}."
        )
    root = Path(FLAGS.run_dir)
    results: list[dict[str, Any]] = []
    plain_done: set[str] = set()
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
        results.append(system_row(name, root))
        if FLAGS.plain:
            for level, run_dir in plain_levels(system, plain_done, root):
                results.append(plain_row(level, run_dir, root))
    write_text_atomically(str(root / "results.json"), json.dumps(results, indent=1) + "\n")
    write_text_atomically(str(root / "results.md"), markdown(results))
    write_page(root / "page.html", results)
    print(markdown(results))
    print(f"Look and listen: {root / 'page.html'}")


def system_row(name: str, root: Path) -> dict[str, Any]:
    """One object of `results.json`, from what the pipeline left in `root / name`."""
    from ada.runs import Run

    evaluation = json.loads((root / name / "evaluation.json").read_text())
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
        **code_numbers(evaluation),
        "total_bits": evaluation.get("total_bits"),
        "generation_realtime_factor": summary["real_time_factor"],
        "sample_rate": run.info.sample_rate,
        "wavs": summary["wavs"],
        "fidelity": published.fidelity,
        "musicality": published.musicality,
    }


def code_numbers(evaluation: dict[str, Any]) -> dict[str, Any]:
    """What `evaluation.json` says of codes; lists are by level, from the bottom up."""
    levels = evaluation["levels"][::-1]
    coded = [level for level in levels if "num_codes" in level]
    conditional = levels[0]["conditional"]
    return {
        "reconstruction_bits": levels[0]["bits_per_sample"] if conditional else None,
        "code_bits_per_sample": sum(level["bits_per_sample"] for level in levels[1:])
        if len(levels) > 1
        else None,
        "perplexity": [level["perplexity"] for level in coded],
        "used_codes": [level["used_codes"] for level in coded],
        "rolled_codes_cost_bits": [level["rolled_codes_cost_bits"] for level in coded],
    }


def plain_levels(system: "System", done: set[str], root: Path) -> list[tuple[str, str]]:
    """Trains and scores the autoencoders of a system with plain settings, unless done before.

    Returns:
      (level, run directory) of those that were not in `done`, to which they are added.
    """
    import dataclasses

    from ada import configuration
    from ada.runs import Run
    from ada.stages import Stages
    from ada.systems import train_level

    found = []
    plain = dataclasses.replace(system, gin_params=(*system.gin_params, *PLAIN))
    for level in system.levels:
        run = Run.open(str(root / "levels" / level))
        if level in done or not run.build_model().num_codes:
            continue
        done.add(level)
        stages = Stages(root / "plain")
        files = [f"gin/{level}.gin", *plain.overlays]
        params = configuration.params_for(files, plain.gin_params)
        # Reads what the level with remedies read: below it stand the same codes.
        stages.depend_on(json.dumps(run.info.upstream))
        run_dir = train_level(stages, level, level, plain, params, run.info.data_dir, search=False)
        numbers = root / "plain" / f"{level}.json"
        command = ["ada.evaluate", f"--run_dirs={run_dir}", f"--json={numbers}"]
        stages.run(f"{level}_evaluation", command, numbers)
        found.append((level, run_dir))
    return found


def plain_row(level: str, run_dir: str, root: Path) -> dict[str, Any]:
    """One object of `results.json`, for an autoencoder with plain settings."""
    evaluation = json.loads((root / "plain" / f"{level}.json").read_text())
    return {
        "system": f"{level} alone, plain settings",
        "name": f"{level}_plain",
        "levels": 1,
        "run_dir": run_dir,
        **code_numbers(evaluation),
    }


if __name__ == "__main__":
    commands.run(main)
