import dataclasses
import json

import pytest

from ada.data import Dataset, DatasetError, DatasetSpec
from ada.data.spec import codes_dtype
from ada.utils.jsonable import from_jsonable


def test_json_round_trip(codes):
    spec = codes[0].spec
    assert DatasetSpec.from_json(spec.to_json()) == spec
    assert spec.splits["train"].num_records == 10 + 1 + 12 + 1 + 6
    assert spec.splits["train"].num_steps == 950 + 30 + 1200 + 100 + 501
    assert spec.splits["train"].hours == pytest.approx(2781 * 64 / 16000 / 3600, abs=1e-6)
    assert spec.step_rate == 250


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "video"}, "kind must be one of"),
        ({"dtype": "float32"}, "dtype of codes must be one of"),
        ({"sample_rate": 0}, "sample_rate must be at least 1, found 0"),
        ({"sample_rate": "16000"}, "'sample_rate' should be int, found '16000'"),
        ({"sample_rate": True}, "'sample_rate' should be int, found True"),
        ({"num_classes": 257}, "num_classes 257 does not fit uint8"),
        ({"num_classes": None}, "num_classes None does not fit"),
        ({"format_version": 99}, "format_version is 99; this version of ada"),
        ({"surprise": 1}, "unknown field 'surprise'"),
        ({"splits": {}}, "splits must be"),
        ({"index": {"name": "index.npz"}}, "field 'index.num_bytes' is missing"),
    ],
)
def test_wrong_field_is_named(codes, change, message):
    data = json.loads(codes[0].spec.to_json()) | change
    with pytest.raises(ValueError, match=message):
        DatasetSpec.from_json(json.dumps(data))


def test_counts_must_fit_sources(codes):
    data = json.loads(codes[0].spec.to_json())
    data["splits"]["train"]["sources"][2]["num_steps"] += 1
    with pytest.raises(ValueError, match=r"splits\.train: num_steps does not fit"):
        DatasetSpec.from_json(json.dumps(data))
    data["splits"]["train"]["sources"][2]["num_steps"] = "many"
    with pytest.raises(ValueError, match=r"splits\.train\.sources\[2\]\.num_steps"):
        DatasetSpec.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "something else"}', "\ufffd\x00"])
def test_foreign_file_is_one_clear_error(make_dataset, text, tmp_path):
    make_dataset({"train": [5], "validation": [5], "test": [5]})
    (tmp_path / "dataset/dataset.json").write_text(text)
    with pytest.raises(
        DatasetError, match=r"dataset\.json cannot be used: .*Prepare it again"
    ) as e:
        Dataset.open(tmp_path / "dataset")
    assert len(str(e.value).splitlines()) == 1


def test_audio_has_no_classes(codes):
    with pytest.raises(ValueError, match="audio has hop_length 1"):
        dataclasses.replace(codes[0].spec, kind="audio", dtype="int16")


def test_codes_dtype():
    assert [codes_dtype(n) for n in (2, 256, 257, 65536, 65537)] == [
        "uint8",
        "uint8",
        "uint16",
        "uint16",
        "int32",
    ]


def test_from_jsonable_knows_containers():
    assert from_jsonable(dict[str, tuple[int, ...]], {"a": [1, 2]}) == {"a": (1, 2)}
    with pytest.raises(ValueError, match=r"a\[1\]"):
        from_jsonable(dict[str, tuple[int, ...]], {"a": [1, None]})
