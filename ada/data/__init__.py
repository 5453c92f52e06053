"""Datasets of integer sequences on disk: audio as 16-bit PCM, and codes of autoencoders.

Importing this package imports no TensorFlow: what takes it is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from ada.data.differences import differing_data
from ada.data.spec import (
    SPLITS,
    Cut,
    DatasetError,
    DatasetSpec,
    Dropped,
    FileSpec,
    SourceSpec,
    SplitSpec,
)
from ada.utils.lazy import attributes

if TYPE_CHECKING:
    from ada.data.dataset import Dataset
    from ada.data.offsets import unshifted
    from ada.data.pipeline import (
        audio_to_ids,
        codes_to_ids,
        default_to_ids,
        evaluation_windows,
        read_batches,
        training_batches,
    )

__all__ = [
    "SPLITS",
    "Cut",
    "Dataset",
    "DatasetError",
    "DatasetSpec",
    "Dropped",
    "FileSpec",
    "SourceSpec",
    "SplitSpec",
    "audio_to_ids",
    "codes_to_ids",
    "default_to_ids",
    "differing_data",
    "evaluation_windows",
    "read_batches",
    "training_batches",
    "unshifted",
]

__getattr__ = attributes(
    __name__,
    {
        "dataset": ["Dataset"],
        "offsets": ["unshifted"],
        "pipeline": [
            *("audio_to_ids", "codes_to_ids", "default_to_ids", "evaluation_windows"),
            *("read_batches", "training_batches"),
        ],
    },
)
