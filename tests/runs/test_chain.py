"""Chains of runs: which fit each other, and which checkpoint of each is meant."""

from types import SimpleNamespace

import pytest

from ada.runs import chain
from ada.runs.chain import Chain
from ada.utils.errors import UserError


def fake_run(kind="codes", made_by="", digest="", *, num_classes=256, hop=1, num_codes=256):
    """What a chain reads of a run directory; over codes, of one at hop 8."""
    hop_length = 1 if kind == "audio" else 8
    return SimpleNamespace(
        directory=f"a run of {kind}",
        info=SimpleNamespace(
            kind=kind,
            part="all",
            upstream={"digest": made_by},
            num_classes=num_classes,
            hop_length=hop_length,
            sample_rate=16000,
        ),
        model_config=lambda: "{}",
        codes_digest=lambda checkpoint="best": f"{digest} {checkpoint}",
        configured_model=lambda: SimpleNamespace(num_codes=num_codes, hop_length=hop),
        load_model=lambda checkpoint: f"{digest} {checkpoint}",
    )


def opened(monkeypatch, *runs, **kwargs):
    found = dict(zip("abc", runs, strict=False))
    monkeypatch.setattr(chain.Run, "open", found.get)
    return Chain.open(list(found), **kwargs)


@pytest.mark.parametrize("top", ["best", "latest"])
@pytest.mark.parametrize("made_by", ["best", "latest"])
def test_below_the_top_the_checkpoint_is_the_one_that_made_the_codes(top, made_by, monkeypatch):
    prior = fake_run(made_by=f"x {made_by}", digest="p")
    bottom = fake_run("audio", digest="x", hop=8)
    found = opened(monkeypatch, prior, bottom, checkpoint=top)
    assert found.runs == (prior, bottom)
    assert found.load_model(0) == f"p {top}"
    assert found.load_model(1) == f"x {made_by}"
    found.require_audio()


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "at least one run"),
        ([fake_run("audio"), fake_run("audio")], "models audio, but stands above"),
        (
            [fake_run(made_by="y"), fake_run("audio", digest="x", hop=8)],
            "that a run of audio does not make: checkpoint y, there x best. Name",
        ),
        (
            [fake_run(made_by="x best"), fake_run("audio", digest="x", hop=4)],
            "make: hop_length 8, there 4. Name",
        ),
        (
            [fake_run(made_by="x best"), fake_run("audio", digest="x", hop=8, num_codes=64)],
            "make: number of codes 256, there 64. Name",
        ),
        (
            [fake_run(made_by="y"), fake_run("audio", digest="x", num_codes=0)],
            "make: number of codes 256, there 0; hop_length 8, there 1; checkpoint y, there x best",
        ),
        (
            [fake_run(made_by="y"), fake_run(made_by="x best", digest="y", hop=8)],
            "make: hop_length 8, there 64; checkpoint y, there y best. Name",
        ),
    ],
)
def test_levels_that_do_not_fit_are_refused(runs, message, monkeypatch):
    with pytest.raises(UserError, match=message):
        opened(monkeypatch, *runs)


def test_codes_alone_make_no_audio(monkeypatch):
    with pytest.raises(UserError, match="models codes; the last"):
        opened(monkeypatch, fake_run()).require_audio()
