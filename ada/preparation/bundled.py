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


def dataset_for(kind: str) -> str:
    """The directory of the bundled audio as a dataset, which is prepared if necessary.

    Args:
      kind: "audio"; there are no bundled codes.

    Raises:
      UserError: for codes, with the way to make some.
    """
    require_audio(kind)
    directory = "data/sample_audio"
    log.info(f"No --data_dir: using the BUNDLED audio (7.5 minutes of piano), in {directory}.")
    return _prepared(directory)


def dataset_of_pretrained() -> str:
    """The same with the splits of the pretrained systems.

    Its validation and test split are music that none of them was trained on.
    """
    directory = "data/sample_audio_of_pretrained"
    log.info(
        "No --data_dir: using the bundled audio that no pretrained system was trained on, in "
        f"{directory}."
    )
    return _prepared(directory, f"{resources.sample_audio_dir()}/splits.csv")


def _prepared(directory: str, maestro_csv: str | None = None) -> str:
    from ada.data import Dataset

    if not Dataset.is_complete(directory):
        with exclusive(Path(directory).parent, wait_secs=_WAIT_SECS):
            # Another command may have prepared it by now.
            if not Dataset.is_complete(directory):
                prepare_bundled(directory, maestro_csv=maestro_csv)
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
