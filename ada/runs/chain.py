"""A system as a chain of run directories, from the top model down to audio."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ada import pretrained
from ada.runs import system_folder
from ada.runs.run import Run
from ada.runs.upstream import encoder_checkpoint
from ada.utils.errors import UserError

if TYPE_CHECKING:
    import keras


class Chain(NamedTuple):
    """Runs that fit each other, top first.

    Attributes:
      runs: the run directories.
      checkpoints: "best" or "latest" for each. Below the top it is the one whose codes the level
        above was trained on.
    """

    runs: tuple[Run, ...]
    checkpoints: tuple[str, ...]

    @classmethod
    def open(cls, run_dirs: Sequence[str], checkpoint: str = "best") -> "Chain":
        """Opens run directories, top first.

        Args:
          run_dirs: one or more; or a folder that holds a system (`ada.runs.system_folder`), or the
            name of a pretrained one.
          checkpoint: of the top run, "best" or "latest".

        Raises:
          UserError: if the ids of one are not the codes of the next.
        """
        runs = open_runs(run_dirs)
        lower = [_encoder_checkpoint(*pair) for pair in zip(runs, runs[1:], strict=False)]
        return cls(runs, (checkpoint, *lower))

    @property
    def run_dirs(self) -> list[str]:
        """The run directories, top first."""
        return [run.directory for run in self.runs]

    def require_audio(self) -> None:
        """Raises UserError if the bottom of the chain does not make audio."""
        require_audio(self.runs)

    def load_model(self, position: int) -> "keras.Model":
        """The trained model of a level, 0 at the top."""
        return self.runs[position].load_model(self.checkpoints[position])


def open_runs(run_dirs: Sequence[str]) -> tuple[Run, ...]:
    """Opens the runs of a chain, top first; what can be checked without TensorFlow.

    Raises:
      UserError: if one is not there or damaged, or they cannot stand in this order.
    """
    directories = system_folder.resolve(pretrained.resolve_chain(run_dirs))
    runs = tuple(map(Run.open, directories))
    if not runs:
        raise UserError("a chain needs at least one run directory, top first.")
    for run in runs:
        if run.info.part == "bottleneck":
            raise UserError(
                f"{run.directory} is a first phase, without a trained local model: name the "
                "run of the second phase, the folder that it is in."
            )
        run.model_config()
    for upper, lower in zip(runs, runs[1:], strict=False):
        if upper.info.kind != "codes":
            raise UserError(
                f"{upper.directory} models audio, but stands above {lower.directory}; give "
                "--run_dirs from the top to the bottom."
            )
    return runs


def require_audio(runs: Sequence[Run]) -> None:
    """Raises UserError if the bottom of a chain does not make audio."""
    if runs[-1].info.kind != "audio":
        raise UserError(
            f"{runs[-1].directory} models codes; the last of --run_dirs must model audio."
        )


def _encoder_checkpoint(upper: Run, lower: Run) -> str:
    """Which checkpoint of `lower` made the codes that `upper` was trained on."""
    checkpoint, mismatch = encoder_checkpoint(upper.info, lower)
    if checkpoint is None:
        raise UserError(
            f"{upper.directory} models codes that {lower.directory} does not make: {mismatch}. "
            "Name the run that made them, or extract codes and train again."
        )
    return checkpoint
