"""A server that tests share."""

import pytest
from listening_support import Server, write_samples


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    """Three systems of two clips."""
    return write_samples(tmp_path_factory.mktemp("listening") / "samples")


@pytest.fixture(scope="session")
def shared_server(samples, tmp_path_factory):
    """A server of these, which is not to be killed."""
    with Server(samples, tmp_path_factory.mktemp("ratings") / "ratings.sqlite") as server:
        yield server
