"""The directory of a search belongs to one search."""

import json

import numpy as np
import pytest
from support import write_codes

from ada.data import Dataset
from ada.errors import UserError

search = pytest.importorskip("ada.training.search")


@pytest.fixture
def dataset(tmp_path):
    splits = {split: [np.arange(100) % 4] for split in ("train", "validation", "test")}
    return Dataset.open(write_codes(tmp_path / "codes", splits, 4))


def test_the_same_search_goes_on(dataset, tmp_path):
    root = tmp_path / "run" / "search"
    search._claim(root, "A = 1\n", dataset)
    search._claim(root, "A = 1\n", dataset)


def test_other_settings_are_refused(dataset, tmp_path):
    root = tmp_path / "run" / "search"
    search._claim(root, "A = 1\n", dataset)
    with pytest.raises(UserError, match="other settings"):
        search._claim(root, "A = 2\n", dataset)


def test_codes_of_another_checkpoint_are_refused_with_both(dataset, tmp_path):
    root = tmp_path / "run" / "search"
    search._claim(root, "A = 1\n", dataset)
    path = root / "dataset.json"
    spec = json.loads(path.read_text())
    spec["upstream"]["digest"] = "older"
    path.write_text(json.dumps(spec))
    with pytest.raises(UserError, match="was older, is made-up"):
        search._claim(root, "A = 1\n", dataset)
