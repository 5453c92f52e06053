"""One table of autoencoders: are their codes alive, and what keeps them so?"""

import json
from pathlib import Path
from typing import Any

from ada.evaluation.comparison import read_evaluation
from ada.population import History
from ada.quantizers import collapsed
from ada.systems.stages import Stages
from ada.systems.system import System, train_level

HEADER = (
    "autoencoder",
    "reconstruction",
    "total",
    "perplexity",
    "used codes",
    "rolled codes cost",
    "all-zero queries",
    "collapsed at step",
    "members unhealthy",
)
LEGEND = (
    "Reconstruction: bits a step of the encoded ids, on the validation split, given codes: no "
    "likelihood. Total: bits a sample of the first system above that it is part of. Rolled: what "
    "another clip's codes cost; codes that cost nothing to exchange are ignored, whatever their "
    "perplexity. All-zero queries: the share whose activations are all zero or less (ReLU alone "
    "has them). Collapsed: the first training step from which the perplexity over some 100 steps "
    "stayed below 20 of 256; of a searched one, along the winner's line. Members "
    "unhealthy: those of a population that diverged, collapsed or had no codebook yet at some "
    "comparison. Best checkpoints, and the winner of a search, were chosen on the same split."
)


def row(
    name: str, run_dir: str, evaluation: dict[str, Any], total_bits: float | None = None
) -> dict[str, Any]:
    """The numbers of one autoencoder.

    Args:
      name: for people.
      run_dir: its run directory.
      evaluation: its entry in "levels" of `ada.evaluate --json`.
      total_bits: a sample, of the system that it is part of, if any.
    """
    names = ("perplexity", "used_codes", "rolled_codes_cost_bits", "zero_queries")
    return {
        "autoencoder": name,
        "run_dir": run_dir,
        "reconstruction_bits_per_step": evaluation["bits_per_step"],
        "total_bits": total_bits,
        "collapsed_at_step": collapsed_at(run_dir, evaluation["num_codes"]),
        "unhealthy_members": unhealthy_members(run_dir),
    } | {name: evaluation[name] for name in names}


def train_and_score(
    stages: Stages,
    name: str,
    level: str,
    system: System,
    params: list[str],
    data_dir: str,
) -> tuple[str, dict[str, Any]]:
    """Trains an autoencoder alone, without searching it, and scores it, as two stages.

    Args:
      stages: whose root gets the run directory and `<name>.json`.
      name: of the stage and the run directory.
      level: name of the model's gin file.
      system: whose overlays stand on top of it.
      params: gin bindings that the model can use.
      data_dir: its dataset.

    Returns:
      Its run directory and its entry in "levels" of an evaluation.
    """
    run_dir = train_level(stages, name, level, system, params, data_dir, search=False)
    numbers = stages.root / f"{name}.json"
    command = ["ada.evaluate", f"--run_dirs={run_dir}", f"--json={numbers}"]
    stages.run(f"{name}_evaluation", command, numbers)
    [evaluation] = read_evaluation(numbers)["levels"]
    return run_dir, evaluation


def collapsed_at(run_dir: str, num_codes: int) -> int | None:
    """The first logged training step from which the codebook stayed collapsed, or None."""
    found = None
    for line in (Path(run_dir) / "metrics.jsonl").read_text("utf-8").splitlines():
        values = json.loads(line)
        if not values.get("codebook/active"):
            continue  # validation, or before there are codes
        if not collapsed(values["codebook/perplexity"], num_codes):
            found = None
        elif found is None:
            found = values["step"]
    return found


def unhealthy_members(run_dir: str) -> str | None:
    """How many members of a searched one's population were unhealthy at some time, of how many."""
    history = History.load(str(Path(run_dir) / "search" / "population.json"))
    if not history.comparisons:
        return None
    return f"{len(history.ever_unhealthy())} of {len(history.comparisons[-1].members)}"


def cells(values: dict[str, Any]) -> list[str]:
    """A row of the table as text."""
    total, zero, step = (values[n] for n in ("total_bits", "zero_queries", "collapsed_at_step"))
    cost = values["rolled_codes_cost_bits"]
    return [
        values["autoencoder"],
        f"{values['reconstruction_bits_per_step']:.3f}",
        "–" if total is None else f"{total:.3f}",
        f"{values['perplexity']:.1f}",
        str(values["used_codes"]),
        "–" if cost is None else f"{cost:.3f}",
        "–" if zero is None else f"{zero:.3f}",
        "–" if step is None else str(step),
        values["unhealthy_members"] or "–",
    ]
