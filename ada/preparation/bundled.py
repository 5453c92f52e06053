"""The bundled audio as a dataset, for commands that are given no data."""

from pathlib import Path

from ada.preparation.options import AudioOptions
from ada.utils import log, resources
from ada.utils.errors import UserError
from ada.utils.files import exclusive

SAMPLE_RATE = 16000
# For another command that was started at the same time and is preparing it.
_WAIT_SECS = 600.0


def require_audio(kind: str) -> None:
    """Raises UserError for codes, of which none are bundled, with the way to make some."""
    if kind != "audio":
        raise UserError(
            "this model reads codes: name a codes dataset with --data_dir, made by "
            "python -m ada.extract_codes --run_dir=<autoencoder's run> --output_dir=<directory>."
        )


def dataset_for(kind: str, directory: str = "data/sample_audio") -> str:
    """Prepares the bundled audio unless it is there, and returns its dataset directory.

    Args:
      kind: "audio"; there are no bundled codes.
      directory: where to prepare it.

    Raises:
      UserError: for codes, with the way to make some.
    """
    from ada.data import Dataset

    require_audio(kind)
    log.info(f"No --data_dir: using the BUNDLED audio (7.5 minutes of piano), in {directory}.")
    if Dataset.is_complete(directory):
        return directory
    with exclusive(Path(directory).parent, wait_secs=_WAIT_SECS):
        # The other command may have prepared it by now.
        if not Dataset.is_complete(directory):
            prepare_bundled(directory)
    return directory


def dataset_of_pretrained(directory: str = "data/sample_audio_of_pretrained") -> str:
    """Prepares the bundled audio with the splits of the pretrained systems, unless it is there.

    Its validation and test split are music that none of them was trained on.
    """
    from ada.data import Dataset

    log.info(
        "No --data_dir: using the bundled audio that no pretrained system was trained on, in "
        f"{directory}."
    )
    if not Dataset.is_complete(directory):
        folder = resources.sample_audio_dir()
        with exclusive(Path(directory).parent, wait_secs=_WAIT_SECS):
            prepare_bundled(directory, maestro_csv=f"{folder}/splits.csv")
    return directory


def prepare_bundled(
    directory: str, sample_rate: int = SAMPLE_RATE, maestro_csv: str | None = None
) -> None:
    """Prepares the bundled audio in this process; what is damaged is made again."""
    from ada.preparation.prepare import prepare

    options = AudioOptions(
        inputs=(f"{resources.sample_audio_dir()}/*.ogg",),
        sample_rate=sample_rate,
        # Of ten files, these fractions of the hash leave 7 to train, 2 to validate, 1 to test.
        validation_fraction=0.03,
        test_fraction=0.064,
        maestro_csv=maestro_csv,
    )
    prepare(directory, options, overwrite=True)
