"""Exports of tiny chains of every kind, each made once; blocks are short, so that steps are few."""

import functools

import pytest
from support import write_run

from ada.generation import SamplingConfig, conditioning, level
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import ArgmaxQuantizer, IdentityQuantizer, VectorQuantizer
from ada.runs.chain import Chain
from ada.serving.exporting import export


@pytest.fixture(scope="module", autouse=True)
def _short_blocks():
    """Blocks of 16 ids and windows of 8 codes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(level, "BLOCK_STEPS", 16)
        patch.setattr(conditioning, "WINDOW_STEPS", 8)
        yield


@pytest.fixture(scope="session")
def served_dirs(
    make_wavenet, make_autoencoder, make_note_autoencoder, randomize, chain_dirs, tmp_path_factory
):
    """Run directories of chains of every kind, top first, by what they are."""
    root = tmp_path_factory.mktemp("served")

    def run(name, model, below=None):
        return write_run(root / name, model, 1000, below)

    nsynth = AutoregressiveDiscreteAutoencoder(
        Encoder(4, 7, 6, (1,), downsampling="average"),
        IdentityQuantizer(3),
        Modulator(4, (1, 2)),
        WaveNet(7, 1, 3, 2, 6, 16, 4),
    )
    nsynth.build()
    prior, level2, level1 = chain_dirs[3]
    mixed = make_autoencoder(quantizer=VectorQuantizer(7, 3), dtype="mixed_bfloat16")
    return {
        "wavenet": chain_dirs[1],
        "vqvae": [level1],
        "upsampling vqvae": [run("upsampling", make_autoencoder(upsample=True, hop_length=3))],
        "amae": [run("amae", make_autoencoder(quantizer=ArgmaxQuantizer(8)))],
        "nsynth": [run("nsynth", randomize(nsynth))],
        "mixed": [run("mixed", mixed)],
        "notes": [run("notes", make_note_autoencoder(group_length=3))],
        "level 2": [level2],
        "prior": [prior],
        "two levels": chain_dirs[2],
        "three levels": [prior, level2, level1],
        "no prior": [level2, level1],
        "codes alone": [prior, level2],
    }


@pytest.fixture(scope="session")
def chain_of(served_dirs):
    """A function that opens the chain of a kind."""
    return functools.cache(lambda kind: Chain.open(served_dirs[kind]))


@pytest.fixture(scope="session")
def exported(chain_of, tmp_path_factory):
    """A function that exports the chain of a kind and returns the directory."""
    root = tmp_path_factory.mktemp("exports")

    @functools.cache
    def directory(kind, xla=False):
        path = root / f"{kind.replace(' ', '_')}{'_xla' if xla else ''}" / "1"
        chain = chain_of(kind)
        export(chain, str(path), [SamplingConfig()] * len(chain.runs), xla=xla)
        return path

    return directory
