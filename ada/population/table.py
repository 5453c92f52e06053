"""The members of a population in TensorBoard's table of hyperparameters."""

from pathlib import Path

from ada.population.history import History
from ada.training.tensorboard.hparams import write_row


def write_population(history: History, root: Path) -> None:
    """Writes the rows of all members: what they were trained with last, and before as scalars.

    Args:
      history: of the population.
      root: where directories of members are.
    """
    for last in history.comparisons[-1].members:
        scalars = [
            (comparison.step, f"hyperparameters/{name}", value)
            for comparison in history.comparisons
            for name, value in comparison.of(last.member).hyperparameters.items()
        ]
        directory = str(root / f"member{last.member}")
        write_row(directory, last.hyperparameters, last.hyperparameters, scalars)
