"""The options of an audio dataset."""

from dataclasses import dataclass

from ada.data.spec import RECORD_STEPS, SPEC_NAME, DatasetError
from ada.preparation.inputs import find_files
from ada.preparation.splits import read_maestro_csv
from ada.utils.files import exists, is_remote, join

# Whole numbers beyond these are a slip of the pen.
_MOST = {"sample_rate": 2**20, "record_steps": 2**24, "num_shards": 10**5}


@dataclass(frozen=True)
class AudioOptions:
    """The options of an audio dataset.

    Attributes:
      inputs: files, directories and globs (`**` for any number of directories).
      sample_rate: of the dataset, Hz.
      min_secs: shorter files are dropped.
      validation_fraction: share of the files, on average.
      test_fraction: share of the files, on average.
      num_shards: of the train split, others in proportion; by size if None.
      record_steps: samples in a record.
      maestro_csv: MAESTRO's csv, whose splits are used and whose files are read; `inputs`, if
        given too, select among them.
      decoder: "pyav" or "tfio".
    """

    inputs: tuple[str, ...] = ()
    sample_rate: int = 16000
    min_secs: float = 1.0
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    num_shards: int | None = None
    record_steps: int = RECORD_STEPS["audio"]
    maestro_csv: str | None = None
    decoder: str = "pyav"

    def check(self) -> None:
        """Checks the values.

        Raises:
          DatasetError: naming the option and its value.
        """
        if not self.inputs and not self.maestro_csv:
            raise DatasetError("There is no input: name audio files, a directory or a pattern.")
        for name in ("sample_rate", "record_steps", "num_shards"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= _MOST[name]:
                least = f"at least 1 and at most {_MOST[name]}"
                raise DatasetError(f"{name} must be {least}, got {value}.")
        if not 0 <= self.min_secs < float("inf"):
            raise DatasetError(f"min_secs must not be negative, got {self.min_secs}.")
        for name in ("validation_fraction", "test_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise DatasetError(
                    f"{name} must lie between 0 and 1 (no split is ever empty), got "
                    f"{getattr(self, name)}."
                )
        if self.validation_fraction + self.test_fraction >= 1:
            raise DatasetError(
                f"validation_fraction {self.validation_fraction} and test_fraction "
                f"{self.test_fraction} leave nothing to train on."
            )

    def check_input_is_there(self, output_dir: str) -> None:
        """Checks that local input exists, unless the dataset exists already.

        Input with a scheme is not checked, as this needs TensorFlow.

        Args:
          output_dir: of the dataset.

        Raises:
          DatasetError: if no file matches, or MAESTRO's csv cannot be read.
        """
        if is_remote(output_dir) or exists(join(output_dir, SPEC_NAME)):
            return
        if self.maestro_csv and not is_remote(self.maestro_csv):
            read_maestro_csv(self.maestro_csv)
        if self.inputs and not any(map(is_remote, self.inputs)):
            find_files(self.inputs, exclude_dir=output_dir)
