"""Sources at offsets: written only where there are any, counted once, left out on request."""

import dataclasses
import json

import numpy as np
import pytest

from ada.data import SPLITS, Dataset, DatasetSpec, unshifted
from ada.preparation.assembly import assemble, pieces_of_part, whole_source
from ada.preparation.parts import part_path, write_part


@pytest.fixture
def shifted(tmp_path):
    """Codes of two sources at offsets 0, 16 and 48 over three shards; and the codes by both."""
    rng = np.random.default_rng(0)
    pieces, truth = [], {}
    for split in SPLITS:
        for name, length in (("a", 950), ("b", 333)):
            for offset in (48, 0, 16) if split == "train" else (0,):
                steps = rng.integers(0, 200, length - offset // 16)
                path = part_path(str(tmp_path), f"{split}{name}{offset}")
                written = write_part(path, name, [(0, steps)], record_steps=100, dtype="uint8")
                specs = [whole_source(source, offset=offset) for source in written]
                pieces += pieces_of_part(split, path, written, specs)
                truth[split, name, offset] = steps
    assemble(
        str(tmp_path),
        pieces,
        num_shards=3,
        kind="codes",
        sample_rate=16000,
        hop_length=64,
        num_classes=200,
        dtype="uint8",
        record_steps=100,
        split_method="by hand",
    )
    return Dataset.open(tmp_path), truth


def test_all_and_unshifted_sources_read_back(shifted):
    dataset, truth = shifted
    alone = unshifted(dataset)
    assert [len(d.sources("train")) for d in (dataset, alone)] == [6, 2]
    assert {s.offset for s in alone.sources("train")} == {0}
    assert alone.index("train").source.tolist() == [0] * 10 + [1] * 4
    for found in (dataset, alone):
        for split in SPLITS:
            for number, source in enumerate(found.sources(split)):
                steps = truth[split, source.name, source.offset]
                np.testing.assert_array_equal(found.read(split, number), steps)
                np.testing.assert_array_equal(found.read(split, number, 250, 60), steps[250:310])
    assert unshifted(alone) is alone


def test_hours_are_those_of_offset_0(shifted):
    spec = shifted[0].spec
    assert spec.splits["train"].num_steps > 3 * 1270
    assert spec.splits["train"].hours == spec.splits["validation"].hours
    assert (spec.splits["train"].num_offsets, spec.splits["test"].num_offsets) == (3, 1)


def test_json_has_offsets_other_than_0_alone(shifted):
    spec = shifted[0].spec
    data = json.loads(spec.to_json())
    assert [s.get("offset") for s in data["splits"]["train"]["sources"]] == [
        *(None, None),
        *(16, 16),
        *(48, 48),
    ]
    assert '"offset"' not in unshifted(shifted[0]).spec.to_json()
    assert DatasetSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("split", "offsets", "message"),
    [
        ("train", (0, 0, 0, 0, 0, -1), "found -1 to 0"),
        ("train", (1, 1, 1, 1, 1, 1), "found 1 to 1"),
        ("validation", (0, 16), r"splits\.validation: offsets must be 0"),
    ],
)
def test_wrong_offsets_are_refused(shifted, split, offsets, message):
    spec = shifted[0].spec
    found = spec.splits[split]
    sources = tuple(
        dataclasses.replace(source, offset=offset)
        for source, offset in zip(found.sources, offsets, strict=True)
    )
    splits = spec.splits | {split: dataclasses.replace(found, sources=sources)}
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(spec, splits=splits)
