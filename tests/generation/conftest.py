"""Short blocks and windows, so that a few steps hold many; tiny chains."""

import pytest

from ada.chain import Chain
from ada.generation import conditioning, level


@pytest.fixture(scope="module")
def short_blocks():
    """Blocks of 16 ids and windows of 8 codes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(level, "BLOCK_STEPS", 16)
        patch.setattr(conditioning, "WINDOW_STEPS", 8)
        yield


@pytest.fixture(scope="module")
def chains(chain_dirs):
    """Chains by their number of levels."""
    return {levels: Chain.open(dirs) for levels, dirs in chain_dirs.items()}
