"""The slides' table: receptive fields and human ratings of the paper's own models."""

from typing import NamedTuple


class Published(NamedTuple):
    """A row of the slides' table: receptive field and human ratings, as published."""

    title: str
    rf_ms: int | None = None
    fidelity: str | None = None
    musicality: str | None = None


PAPER = {
    "large_wavenet": Published("Large WaveNet", 384, "3.82 ± 0.18", "2.43 ± 0.14"),
    "very_large_wavenet": Published("Very large WaveNet", 768, "3.82 ± 0.20", "2.89 ± 0.17"),
    "thin_wavenet": Published("Thin WaveNet with large RF", 3072, "2.43 ± 0.17", "1.71 ± 0.18"),
    "hop8_vqvae": Published("hop-8 VQ-VAE + large WaveNet", 3072, "3.79 ± 0.16", "3.04 ± 0.16"),
    "hop64_vqvae": Published("hop-64 VQ-VAE + large WaveNet", 24576, "3.54 ± 0.18", "3.07 ± 0.17"),
    "vqvae_pbt_vqvae": Published(
        "VQ-VAE + PBT-VQ-VAE + large WaveNet", 24576, "3.71 ± 0.18", "4.04 ± 0.14"
    ),
    "vqvae_amae": Published("VQ-VAE + AMAE + large WaveNet", 24576, "3.93 ± 0.18", "3.46 ± 0.15"),
    "nsynth": Published("NSynth baseline: reconstruction only"),
}
