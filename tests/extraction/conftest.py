"""A trained autoencoder, its data, and its codes as they should be."""

import functools
import shutil

import pytest
from extraction_support import SETTINGS, write_data
from support import files_of

from ada.data import Dataset
from ada.extraction.codes import extract_codes
from ada.preparation.runners import run_in_process
from ada.training import train


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A directory with data and the run of an autoencoder on it, not to be changed.

    For all files of tests: what one makes in it has a name that no other uses.
    """
    root = tmp_path_factory.mktemp("trained")
    train(SETTINGS, str(root / "run"), write_data(root / "data"))
    return root


@pytest.fixture
def own(trained, tmp_path):
    """A copy that a test may change; it has its codes in `codes`."""
    shutil.copytree(trained, tmp_path / "own")
    root = tmp_path / "own"
    extract_codes(str(root / "run"), str(root / "codes"), data_dir=str(root / "data"))
    return root


@pytest.fixture(scope="session")
def shifted(trained):
    """A dataset of codes at two offsets: 0 and 2 of the 4 steps of a hop, each of 64 samples."""
    extract_codes(str(trained / "run"), str(trained / "shifted"), num_offsets=2)
    return Dataset.open(str(trained / "shifted"))


@pytest.fixture(scope="session")
def expected(trained):
    """All files of the codes, as made in this process one after another."""
    one = functools.partial(run_in_process, num_threads=1)
    extract_codes(str(trained / "run"), str(trained / "here"), run_jobs=one)
    return files_of(trained / "here")
