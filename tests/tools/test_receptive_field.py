"""The figure of memory against receptive field: which systems, and that it measures and draws."""

import json

import pytest
from support import run

from tools.fields.systems import SYSTEMS, systems


@pytest.fixture(scope="module")
def found():
    """Systems by kind."""
    every = list(systems(16, 1024, smallest=6000, largest=393216, every=3))
    return {name: [s for s in every if s.name == name] for name in SYSTEMS}


def test_fields_are_the_top_models_times_the_hops_below(found):
    """The table's arithmetic: three stacks, kernel 3, dilations 1..2^(depth - 1)."""
    for name, depths, hops in (
        ("WaveNet", (10, 13, 16), 1),
        ("hop 8", (7, 10, 13), 8),
        ("hop 64", (7, 10), 64),
        ("hops 8 x 8", (7, 10), 64),
    ):
        fields = [system.receptive_field for system in found[name]]
        assert fields == [hops * (6 * 2**depth - 5) for depth in depths]


def test_layers_and_crops(found):
    assert [system.layers for system in found["WaveNet"]] == [30, 39, 48]
    # Ten layers of the local model, eight of encoder and modulator, and the prior's.
    assert [system.layers for system in found["hop 64"]] == [39, 48]
    assert [system.layers for system in found["hops 8 x 8"]] == [57, 66]
    lower, top = found["hop 64"][-1].levels
    # 2047 + 1024 in whole codes.
    assert (lower.crop_steps, top.crop_steps) == (3072, 6139 + 1024)


def test_chains_need_the_memory_of_their_largest_level(found):
    longest = {name: each[-1] for name, each in found.items()}
    # The paper's field: 24.6 s.
    assert 392000 < longest["hop 64"].receptive_field < 393216
    assert longest["hop 64"].estimated_bytes * 15 < longest["WaveNet"].estimated_bytes
    for system in longest.values():
        assert system.estimated_bytes == max(level.estimated_bytes for level in system.levels)


@pytest.mark.long
def test_figure_is_measured_and_drawn(tmp_path):
    process = run(
        "tools.receptive_field",
        f"--output_dir={tmp_path / 'new'}",
        "--channels=2",
        "--predicted_steps=16",
        "--smallest=700",
        "--largest=800",
        "--every=1",
        "--max_gib=0.2441",
    )
    assert process.returncode == 0, process.stderr
    rows = json.loads((tmp_path / "new" / "receptive_field.json").read_text())
    assert [(row["system"], row["receptive_field"]) for row in rows] == [
        ("WaveNet", 763),
        ("hop 8", 8 * 91),
    ]
    # The plain one is above --max_gib, so that it has an estimate alone.
    plain, chain = rows
    assert plain["measured_mib"] is None
    assert chain["measured_mib"] > 0
    assert plain["estimated_mib"] > chain["estimated_mib"] > 0
    assert "measured_mib" in process.stdout
    assert (tmp_path / "new" / "receptive_field.txt").read_text() in process.stdout
    assert (tmp_path / "new" / "receptive_field.png").read_bytes().startswith(b"\x89PNG")
