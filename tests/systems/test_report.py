"""The verdict on codes, and what a chain costs in all."""

from types import SimpleNamespace

import pytest

from ada.evaluation import chain
from ada.runs.chain import Chain
from ada.systems.report import few_frozen_codes, verdict

HEALTHY = {
    "num_codes": 256,
    "perplexity": 20.0,
    "used_codes": 100,
    "rolled_codes_cost_bits": 0.3,
}


@pytest.mark.parametrize(
    ("numbers", "failures"),
    [
        ({}, 0),
        ({"perplexity": 19.9}, 1),
        ({"used_codes": 99}, 1),
        ({"rolled_codes_cost_bits": 0.29}, 1),
        ({"rolled_codes_cost_bits": None}, 0),  # the split was too short to tell
    ],
)
@pytest.mark.parametrize("level", ["hop8", "level2"])
def test_dead_or_collapsed_codes_of_any_level_are_a_failure(level, numbers, failures):
    levels = {"hop8": HEALTHY, "level2": HEALTHY} | {level: HEALTHY | numbers}
    message = verdict({"levels": levels})
    assert len(message) == failures
    assert all(line.startswith(f"{level}: ") for line in message)


@pytest.mark.parametrize("few", [{"perplexity": 19.9}, {"used_codes": 60}])
def test_few_used_codes_that_were_not_trained_are_no_failure(few):
    level = HEALTHY | few
    assert len(verdict({"levels": {"hop64": level}})) == 1
    assert few_frozen_codes({"levels": {"hop64": level}}) == []
    frozen = {"levels": {"hop64": level | {"frozen_codes": True}}}
    assert verdict(frozen) == []
    [remark] = few_frozen_codes(frozen)
    used, perplexity = level["used_codes"], level["perplexity"]
    assert f"uses {used} of 256 codes, perplexity {perplexity}" in remark
    assert "CODEBOOK_WARMUP_STEPS" not in remark


def test_frozen_codes_that_the_local_model_ignores_are_a_failure():
    level = HEALTHY | {"rolled_codes_cost_bits": 0.1, "frozen_codes": True}
    [warning] = verdict({"levels": {"hop64": level}})
    assert "the codes are ignored" in warning
    assert "LOCAL_LAYERS" not in warning
    assert few_frozen_codes({"levels": {"hop64": level}}) == []


def test_a_system_without_codes_has_none_to_die():
    assert verdict({"total_bits": 3.0}) == []


def test_the_total_adds_up_levels_by_their_hops(monkeypatch):
    """3 bits a sample given codes of hop 64, these 5 bits given codes of hop 512, these 7 bits."""
    found = {
        "prior": {"kind": "codes", "conditional": False, "bits_per_step": 7},
        "level2": {"kind": "codes", "conditional": True, "bits_per_step": 5},
        "level1": {"kind": "audio", "conditional": True, "bits_per_step": 3.0},
    }
    # A file of 1000 samples: its last codes stand for less than a hop.
    for level, steps in zip(found.values(), (2, 16, 1000), strict=True):
        level |= {"audio": "the same", "files": [{"steps": steps}]}
    monkeypatch.setattr(chain, "evaluate_run", lambda run, *_: found[run.name])

    def total(*names):
        info = SimpleNamespace(sample_rate=16000)
        runs = tuple(SimpleNamespace(name=name, info=info) for name in names)
        return chain.evaluate_chain(Chain(runs, ("best",) * len(runs))).get("total_bits")

    assert total("prior", "level2", "level1") == pytest.approx((3.0 * 1000 + 5 * 16 + 7 * 2) / 1000)
    assert found["level2"]["bits_per_sec"] == pytest.approx(5 * 16 / 1000 * 16000)
    # Neither codes alone nor a chain without a prior say anything of -log2 p(x).
    assert total("prior", "level2") is None
    assert total("level1") is None
    found["prior"]["audio"] = "another"
    assert total("prior", "level2", "level1") is None


@pytest.mark.parametrize(("hop", "bits"), [(1, 2.0), (64, 2.0 / 64)])
def test_bits_a_sample_are_bits_a_step_over_the_hop(hop, bits, monkeypatch):
    model = SimpleNamespace(quantizer=None, num_codes=0)
    run = SimpleNamespace(
        directory="x",
        identity=lambda checkpoint: {"digest": checkpoint},
        info=SimpleNamespace(kind="codes", hop_length=hop, sample_rate=100, to_ids=lambda: None),
        load_model=lambda checkpoint: model,
        open_dataset=lambda data_dir: SimpleNamespace(
            sources=lambda split: [],
            spec=SimpleNamespace(splits={"validation": SimpleNamespace(sources=(), num_offsets=1)}),
        ),
    )
    scores = {"bits": 2.0, "source_bits": []}
    monkeypatch.setattr(chain, "SplitScorer", lambda *_, **__: lambda progress: scores)
    counted = {"unigram_bits": 2.5, "bigram_bits": 2.25}
    monkeypatch.setattr(chain, "code_entropies", lambda *_: counted)
    result = chain.evaluate_run(run)
    assert result["bits_per_step"] == 2.0
    assert result["bits_per_sample"] == pytest.approx(bits)
    assert result["bits_per_sec"] == pytest.approx(100 * bits)
