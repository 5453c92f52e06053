"""Codes at several offsets are codes of shifted audio, in the train split alone."""

import functools

import numpy as np
import pytest
from extraction_support import LENGTHS, LOCAL, on_beam
from support import files_of, write_codes, write_run

from ada.data import SPLITS, Dataset, evaluation_windows, unshifted
from ada.extensions import GroupedVectorQuantizer
from ada.extraction import job as codes_job
from ada.extraction.codes import extract_codes, shifts_within
from ada.extraction.job import SourceEncoder
from ada.preparation.report import report
from ada.preparation.runners import run_in_process
from ada.quantizers import VectorQuantizer
from ada.runs.run import Run
from ada.utils.errors import UserError


@pytest.fixture
def small_pieces(monkeypatch):
    """Sources are encoded in pieces of a few steps, as long ones are in pieces of many."""
    small = functools.partial(SourceEncoder, piece_steps=24)
    monkeypatch.setattr(codes_job, "SourceEncoder", small)
    codes_job._load.cache_clear()
    yield
    codes_job._load.cache_clear()


def codes_of(dataset, split, offset=0):
    """Codes by name of the source."""
    return {
        source.name: dataset.read(split, number)
        for number, source in enumerate(dataset.sources(split))
        if source.offset == offset
    }


def test_codes_at_an_offset_equal_codes_of_shifted_audio(trained, shifted, tmp_path):
    original = Dataset.open(str(trained / "data"))
    splits = {s: [original.read(s, i) for i in range(len(LENGTHS[s]))] for s in SPLITS}
    splits["train"] = [steps[2:] for steps in splits["train"]]
    data = write_codes(tmp_path / "data", splits, 4)
    extract_codes(str(trained / "run"), str(tmp_path / "codes"), data_dir=data)
    alone = Dataset.open(str(tmp_path / "codes"))
    assert {s.offset for s in shifted.sources("train")} == {0, 2 * 64}
    found, expected = codes_of(shifted, "train", 2 * 64), codes_of(alone, "train")
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
    at_start = codes_of(shifted, "train")
    assert any((found[n] != at_start[n][: len(found[n])]).any() for n in found)


def test_pieces_groups_and_second_levels_keep_to_the_shifted_start(
    make_autoencoder, small_pieces, tmp_path
):
    rng = np.random.default_rng(0)
    level1 = write_run(tmp_path / "one", make_autoencoder(quantizer=VectorQuantizer(7, 3)), 1000)
    model2 = make_autoencoder(quantizer=VectorQuantizer(7, 3))
    level2 = write_run(tmp_path / "two", model2, 1000, level1)
    model3 = make_autoencoder(quantizer=GroupedVectorQuantizer(8, 3, group_length=2))
    level3 = write_run(tmp_path / "three", model3, 1000, level2)
    steps = {"train": [rng.integers(0, 7, 501), np.array([1, 2])]}
    steps |= {split: [rng.integers(0, 7, 90)] for split in ("validation", "test")}
    data = write_codes(tmp_path / "data", steps, 7, 4, Run.open(level1).identity(), 1000)
    extract_codes(level2, str(tmp_path / "codes2"), data_dir=data, num_offsets=2)
    below = Dataset.open(str(tmp_path / "codes2"))
    # A source of two steps has none left from the third on.
    assert [(s.name, s.offset) for s in below.sources("train")] == [
        ("train0", 0),
        ("train1", 0),
        ("train0", 2 * 4),
    ]
    extract_codes(level3, str(tmp_path / "codes3"), data_dir=below.directory, num_offsets=2)
    above = Dataset.open(str(tmp_path / "codes3"))
    assert {s.offset for s in above.sources("train")} == {0, 2 * 4, 4 * 16, 4 * 16 + 2 * 4}
    assert {s.offset for s in above.sources("validation")} == {0}
    for shift2 in (0, 2):
        expected = model2.encode(steps["train"][0][np.newaxis, shift2:]).numpy()
        found = codes_of(below, "train", 4 * shift2)["train0"]
        np.testing.assert_array_equal(found, expected[0])
        for shift3 in (0, 4):
            found = codes_of(above, "train", 4 * shift2 + 16 * shift3)["train0"]
            np.testing.assert_array_equal(found, model3.encode(expected[:, shift3:])[0])
            assert len(np.unique(found)) > 4


def test_only_the_train_split_has_offsets_and_its_hours_count_once(trained, expected, shifted):
    once = Dataset.open(str(trained / "here"))
    for split in ("validation", "test"):
        assert shifted.spec.splits[split] == once.spec.splits[split]
    for name, content in expected.items():
        if not name.startswith(("train", "dataset.json", "index")):
            assert (trained / "shifted" / name).read_bytes() == content
    train, whole = shifted.spec.splits["train"], once.spec.splits["train"]
    assert (train.num_offsets, whole.num_offsets) == (2, 1)
    assert train.hours == whole.hours > 0
    assert train.num_sources == 2 * whole.num_sources
    assert "train: these hours at 2 offsets" in report(shifted.spec)
    assert "offset" not in report(once.spec)


def test_without_shifted_sources_it_is_the_dataset_of_one_offset(trained, shifted):
    once, found = Dataset.open(str(trained / "here")), unshifted(shifted)
    assert unshifted(once) is once
    for split in SPLITS:
        assert found.sources(split) == once.sources(split)
        assert found.spec.splits[split].num_records == once.spec.splits[split].num_records
        for number in range(len(once.sources(split))):
            read = (d.read(split, number, 1) for d in (found, once))
            np.testing.assert_array_equal(*read)
    windows = (
        evaluation_windows(d, "train", window_steps=64, left_context=8, batch_size=4)
        for d in (found, once)
    )
    for one, other in zip(*windows, strict=True):
        np.testing.assert_array_equal(one["ids"], other["ids"])


def test_one_offset_leaves_no_trace_and_old_datasets_open(trained, expected, tmp_path):
    extract_codes(str(trained / "run"), str(tmp_path / "one"), num_offsets=1)
    assert b'"offset"' not in expected["dataset.json"]
    made = files_of(tmp_path / "one")
    made["dataset.json"] = made["dataset.json"].replace(b"../../", b"")
    assert made.keys() == expected.keys()
    assert all(made[n] == expected[n] for n in expected if n != "dataset.json")
    # What earlier versions wrote has no such field either.
    assert {s.offset for s in Dataset.open(str(trained / "here")).sources("train")} == {0}


def test_beam_equals_this_process(trained, shifted):
    jobs = on_beam(f"{LOCAL}multi_threading", "--direct_num_workers=2")
    extract_codes(str(trained / "run"), str(trained / "beam"), run_jobs=jobs, num_offsets=2)
    assert files_of(trained / "beam") == files_of(trained / "shifted")


def test_resumes_and_reuses_parts_of_the_same_offset(trained, shifted, capsys):
    out, asked = trained / "resumed_offsets", []

    def some(jobs):
        run_in_process([job for job in jobs if job.shift][:3])
        raise KeyboardInterrupt

    def rest(jobs):
        asked.extend(jobs)
        run_in_process(jobs)

    with pytest.raises(KeyboardInterrupt):
        extract_codes(str(trained / "run"), str(out), run_jobs=some, num_offsets=4)
    extract_codes(str(trained / "run"), str(out), run_jobs=rest, num_offsets=4)
    assert len(asked) == 4 * 4 + 3 - 3
    assert "3 of 19 sources are done already" in capsys.readouterr().out
    assert len({job.part_path for job in asked}) == len(asked)
    made = Dataset.open(str(out))
    assert {s.offset for s in made.sources("train")} == {0, 64, 128, 192}
    for name, codes in codes_of(shifted, "train", 128).items():
        np.testing.assert_array_equal(codes_of(made, "train", 128)[name], codes)


def test_another_number_of_offsets_replaces_codes_only_on_request(own):
    run_dir, out, data = (str(own / name) for name in ("run", "codes", "data"))
    with pytest.raises(UserError, match="at 1 offset, not at 2: --overwrite replaces"):
        extract_codes(run_dir, out, data_dir=data, num_offsets=2)
    extract_codes(run_dir, out, data_dir=data, num_offsets=2, overwrite=True)
    extract_codes(run_dir, out, data_dir=data, num_offsets=2, run_jobs=None)  # nothing to do
    with pytest.raises(UserError, match="at 2 offsets, not at 1: --overwrite replaces"):
        extract_codes(run_dir, out, data_dir=data)


def test_offsets_are_evenly_spaced_within_the_hop(trained, tmp_path):
    assert shifts_within(64, 8) == (0, 8, 16, 24, 32, 40, 48, 56)
    assert shifts_within(64, 3) == (0, 21, 42)
    assert shifts_within(4, 4) == (0, 1, 2, 3)
    with pytest.raises(UserError, match="--num_offsets=5: within a hop of 4 there are 1 to 4"):
        extract_codes(str(trained / "run"), str(tmp_path / "codes"), num_offsets=5)
    assert not (tmp_path / "codes").exists()
