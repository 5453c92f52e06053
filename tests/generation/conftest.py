"""Short blocks and windows, so that a few steps hold many; tiny chains."""

import pytest
from recordings import made
from support import LevelsOnce

from ada.generation import conditioning, level, modes
from ada.runs.chain import Chain


@pytest.fixture(scope="module")
def short_blocks():
    """Blocks of 16 ids and windows of 8 codes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(level, "BLOCK_STEPS", 16)
        patch.setattr(conditioning, "WINDOW_STEPS", 8)
        yield


@pytest.fixture(scope="module")
def levels_once(short_blocks):
    """Every level is loaded and compiled once a module."""
    with LevelsOnce()():
        yield


@pytest.fixture(scope="module")
def chains(chain_dirs):
    """Chains by their number of levels."""
    return {levels: Chain.open(dirs) for levels, dirs in chain_dirs.items()}


@pytest.fixture(scope="module")
def chain(chain_dirs):
    return Chain.open(chain_dirs[3])


@pytest.fixture(scope="module")
def request_(chain):
    return modes.ancestral(chain, range(3), 0.1)


@pytest.fixture(scope="module")
def whole(request_, tmp_path_factory, short_blocks):
    """What a command leaves that nothing interrupts."""
    directory = tmp_path_factory.mktemp("whole")
    assert made(directory, request_) == 300
    return directory
