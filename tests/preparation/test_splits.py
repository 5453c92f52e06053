from collections import Counter

import pytest

from ada.data import SPLITS, DatasetError
from ada.preparation.splits import hash_position, read_maestro_csv, split_by_hash, split_by_time


def test_hash_is_stable():
    # Written down: other values would reshuffle everybody's splits.
    positions = [round(hash_position(name), 6) for name in ("a.wav", "dir/b.wav", "ü.ogg")]
    assert positions == [0.735119, 0.803676, 0.908768]


@pytest.mark.parametrize("num_files", [3, 4, 5, 10, 40])
@pytest.mark.parametrize("corpus", range(20))
def test_no_split_is_empty(num_files, corpus):
    names = [f"{corpus}/{i}" for i in range(num_files)]
    splits = split_by_hash(names, 0.1, 0.1)
    assert sorted(splits) == sorted(names)
    assert set(splits.values()) == set(SPLITS)
    assert splits == split_by_hash(names[::-1], 0.1, 0.1)


def test_fractions_are_met():
    counts = Counter(split_by_hash([str(i) for i in range(5000)], 0.1, 0.2).values())
    assert counts["validation"] == pytest.approx(500, abs=90)
    assert counts["test"] == pytest.approx(1000, abs=120)


def test_a_file_keeps_its_split_when_others_come():
    before = split_by_hash([str(i) for i in range(100)], 0.1, 0.1)
    after = split_by_hash([str(i) for i in range(200)], 0.1, 0.1)
    assert all(after[name] == split for name, split in before.items())


@pytest.mark.parametrize(
    "records", [[5], [6], [2, 3], [1, 1, 1, 1, 1], [100], [1000, 3], [3, 1000], [7, 1, 30]]
)
def test_split_by_time_leaves_gaps(records):
    spans = split_by_time(records, 0.1, 0.1)
    owner = {}
    for span in spans:
        for record in range(span.first_record, span.first_record + span.num_records):
            assert record < records[span.source]
            assert (span.source, record) not in owner
            owner[span.source, record] = span.split
    line = [owner.get((s, r), "gap") for s, n in enumerate(records) for r in range(n)]
    stretches = [line[i] for i in range(len(line)) if i == 0 or line[i] != line[i - 1]]
    assert stretches == ["train", "gap", "validation", "gap", "test"]
    assert Counter(line)["gap"] == 2
    if sum(records) >= 1000:
        assert Counter(line)["test"] == pytest.approx(0.1 * sum(records), rel=0.02)


def test_too_little_to_split_by_time():
    with pytest.raises(DatasetError, match="at least 5 records; there are 4"):
        split_by_time([2, 2], 0.1, 0.1)


def test_maestro_csv(tmp_path):
    path = tmp_path / "maestro.csv"
    path.write_text(
        "canonical_composer,split,audio_filename\n"
        '"Bach, J. S.",train,2004/a.wav\nChopin,test,2004/b.wav\nLiszt,validation,2006/c.wav\n',
        encoding="utf-8-sig",
    )
    assert read_maestro_csv(str(path)) == {
        "2004/a.wav": "train",
        "2004/b.wav": "test",
        "2006/c.wav": "validation",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no files"),
        ("a,b\n1,2\n", "row 2: the column audio_filename must name a file"),
        ("split,audio_filename\ndev,a.wav\n", "row 2: .*'dev'"),
        ("split,audio_filename\ntrain,a.wav\ntest,a.wav\n", "row 3: a.wav is in two splits"),
        ("split,audio_filename\ntrain\n", "row 2"),
    ],
)
def test_bad_maestro_csv(tmp_path, text, message):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_maestro_csv(str(tmp_path / "m.csv"))
    with pytest.raises(DatasetError, match="cannot be read"):
        read_maestro_csv(str(tmp_path / "absent.csv"))


@pytest.mark.parametrize("text", ['{"split": {"0": "train"}}', " [1]", "{" + "x" * 200_000])
def test_maestros_json_is_called_what_it_is(text, tmp_path):
    path = tmp_path / "maestro-v3.0.0.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match="is JSON: name the csv file"):
        read_maestro_csv(str(path))
