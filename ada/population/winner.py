"""The best checkpoint of a search, kept while it goes on, and the run directory of the winner."""

import functools
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ada.data import Dataset
from ada.population import History
from ada.population.chart import draw
from ada.runs.checkpoint_files import files, write_list
from ada.runs.run import Run
from ada.training.start import info_of_new_run, make_model
from ada.training.tensorboard.hparams import write_row
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import sync, write_text_atomically


def keep_best(history: History, root: Path) -> None:
    """Copies the best checkpoint before its member deletes it, and writes the history."""
    best = history.best()
    kept = None
    if best is not None:
        step, standing = best
        kept = root / f"best-{standing.member}-{step}"
        if step == history.step:
            _copy_checkpoint(root / standing.state["checkpoint"], kept)
    # The older one goes only when nothing names it any more.
    history.save(str(root / "population.json"))
    for path in best_ones(root):
        if path != kept:
            shutil.rmtree(path)


def best_ones(root: Path) -> list[Path]:
    """The folders of the best checkpoints, in the order of their steps."""
    named = {path: re.fullmatch(r"best-\d+-(\d+)", path.name) for path in root.glob("best-*")}
    return sorted(filter(named.get, named), key=lambda path: int(named[path][1]))


def _copy_checkpoint(prefix: Path, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for path in files(str(prefix)):
        shutil.copyfile(path, directory / path.name)
        sync(directory / path.name)
    write_list(str(directory), [str(prefix)])


def write_winner(
    load: Callable, describe: Callable, history: History, root: Path, dataset: Dataset
) -> None:
    """Makes the run directory of the winner: the checkpoint of the best score of all comparisons.

    Args:
      load: from values of gin bindings to settings.
      describe: returns the text of `operative.gin`.
      history: of all comparisons.
      root: the search's directory; its parent becomes the run directory.
      dataset: that the members were trained on.

    Raises:
      UserError: if no member was healthy at any comparison.
    """
    draw(history, str(root / "population.png"))
    best = history.best()
    if best is None:
        raise UserError(
            "nobody won: every member diverged, collapsed, ignored its codes or had no codebook at "
            f"every comparison (see {root}/population.png). Try lower learning rates, more "
            "INPUT_REPLACEMENT, or a lower Search.least_perplexity, in another --run_dir."
        )
    step, winner = best
    run_dir = root.parent
    prefix = root / f"best-{winner.member}-{step}" / Path(winner.state["checkpoint"]).name
    for folder in ("checkpoints", "checkpoints/best"):
        _copy_checkpoint(prefix, run_dir / folder)
    write_text_atomically(
        str(run_dir / "metrics.jsonl"), _metrics(history, root, winner.member, step)
    )
    settings = load(winner.hyperparameters)
    network = make_model(settings)
    info = info_of_new_run(str(run_dir), settings, network, dataset, None)
    Run.create(str(run_dir), info, dataset.spec, network, describe())
    write_row(
        str(run_dir),
        winner.hyperparameters,
        winner.hyperparameters,
        [(step, "score/bits", winner.score), (step, "score/best_bits", winner.score)],
    )
    values = ", ".join(f"{name} = {value:.3g}" for name, value in winner.hyperparameters.items())
    log.info(
        f"{len(history.ever_unhealthy())} of {len(history.comparisons[-1].members)} members "
        "diverged, collapsed, ignored their codes or had no codebook at some comparison."
    )
    log.info(
        f"Member {winner.member} won with {winner.score:.3f} bits at step {step}: {values}. "
        f"Picture: {root}/population.png"
    )


def _metrics(history: History, root: Path, member: int, step: int) -> str:
    """The lines of `metrics.jsonl` of whoever trained what the winner is."""

    @functools.cache
    def lines(number: int) -> list[str]:
        return (
            (root / f"member{number}" / "metrics.jsonl")
            .read_text("utf-8")
            .splitlines(keepends=True)
        )

    return "".join(
        line
        for number, start, stop in history.lineage(member, step)
        for line in lines(number)
        if start < json.loads(line)["step"] <= stop
    )
