"""--temperature, --top_k and --top_p: one value for all levels or one per level, top first.

A value that no flag gives is that of the level's `sampling.json` (`ada.runs.sampling_defaults`).
"""

from collections.abc import Sequence

from absl import flags

from ada.generation.level_sampling import SamplingFlags, number

FLAGS = flags.FLAGS
# The flags belong to the command that asks for them, and stand in its --help.
flags.disclaim_key_flags()

_HELP = {
    "temperature": ("Sampling temperature; 0 takes the likeliest id", 1),
    "top_k": ("Number of likeliest ids to sample from; 0 for all", 0),
    "top_p": ("Probability up to which the likeliest ids are sampled from; 1 for all", 1),
}


class _Numbers(flags.ListParser):
    """Values as texts, checked as the command line is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def parse(self, argument: str | list[str]) -> list[str]:
        texts = super().parse(argument)
        for text in texts:
            number(self._name, text)
        if not texts:
            raise ValueError("there is no value")
        return texts


def define(names: Sequence[str] = SamplingFlags._fields) -> None:
    """Defines some of the flags."""
    for name in names:
        meaning, default = _HELP[name]
        flags.DEFINE(
            _Numbers(name),
            name,
            None,
            f"{meaning}. One value, or one per level with commas, top first. Default: that of "
            f"sampling.json in each run directory, else {default}.",
            serializer=flags.CsvListSerializer(","),
        )


def given() -> SamplingFlags:
    """The flags of the command line."""
    return SamplingFlags(*(getattr(FLAGS, name, None) for name in SamplingFlags._fields))
