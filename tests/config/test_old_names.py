"""Old names of gin bindings set what the new ones do, and one line says so."""

import pytest

from ada.config import configuration, old_names

FILES = ["gin/hop64_vqvae.gin", "gin/tiny.gin"]


def hooks(gin_files, gin_params=()):
    return [vars(make()) for make in configuration.load(gin_files, gin_params).hooks]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VectorQuantizer.warmup_steps=7", "CodebookWarmup.steps=7"),
        ("VectorQuantizer.restart_every = 3", "RestartUnusedCodes.every = 3"),
        ("VectorQuantizer.ema_decay=0.5", "EmaCodebook.decay=0.5"),
        ("WaveNet.input_replacement=0.3", "ReplaceInputs.share=0.3"),
        ("WaveNet.input_replacement_steps=11", "ReplaceInputs.steps=11"),
    ],
)
def test_old_names_bind_what_the_new_ones_do(old, new, tmp_path, capsys):
    old_names._new_name.cache_clear()
    expected = hooks(FILES, [new])
    assert expected != hooks(FILES)
    assert hooks(FILES, [old]) == expected
    name, new_name = old.split("=")[0].strip(), new.split("=")[0].strip()
    assert capsys.readouterr().err.count(f"gin: {name} is now called {new_name}.") == 1
    (tmp_path / "inner.gin").write_text(f"{old}\n")
    (tmp_path / "mine.gin").write_text(f"include '{tmp_path}/inner.gin'  # mine\n")
    assert hooks([*FILES, str(tmp_path / "mine.gin")]) == expected
