"""Our measures against dead and ignored codes (gin/tiny.gin), switched off one by one or all."""

# Switches all of them off, of either quantiser: plain settings, with the weights of gin/base.
PLAIN = (
    "CODEBOOK_WARMUP_STEPS=0",
    "RESTART_EVERY=0",
    "INPUT_REPLACEMENT=0.0",
    "LOCAL_LAYERS=10",
    "ARGMAX_NORMALIZATION='relu'",
    "DIVERSITY_WEIGHT=1000.0",
)

# Model, name of the variant, what is changed on top of gin/tiny.gin.
VARIANTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("hop64_vqvae", "all measures", ()),
    ("hop64_vqvae", "long local model", ("LOCAL_LAYERS=10",)),
    ("hop64_vqvae", "no replaced inputs", ("INPUT_REPLACEMENT=0.0",)),
    (
        "hop64_vqvae",
        "no warm-up but codebook from data",
        ("CODEBOOK_WARMUP_STEPS=0", "INIT_FROM_DATA=True"),
    ),
    ("hop64_vqvae", "no warm-up", ("CODEBOOK_WARMUP_STEPS=0",)),
    ("hop64_vqvae", "no restarts", ("RESTART_EVERY=0",)),
    (
        "hop64_vqvae",
        "no measures",
        (
            "CODEBOOK_WARMUP_STEPS=0",
            "RESTART_EVERY=0",
            "INPUT_REPLACEMENT=0.0",
            "LOCAL_LAYERS=10",
        ),
    ),
    ("hop8_amae", "all measures (nu = 10)", ()),
    *(
        ("hop8_amae", f"nu = {nu:g}", (f"DIVERSITY_WEIGHT={nu}",))
        for nu in (0.1, 1.0, 100.0, 1000.0, 10000.0)
    ),
    ("hop8_amae", "no replaced inputs", ("INPUT_REPLACEMENT=0.0",)),
    ("hop8_amae", "no warm-up", ("CODEBOOK_WARMUP_STEPS=0",)),
    (
        "hop8_amae",
        "no warm-up and nu = 1000",
        ("CODEBOOK_WARMUP_STEPS=0", "DIVERSITY_WEIGHT=1000.0"),
    ),
    (
        "hop8_amae",
        "no warm-up and ReLU and nu = 1000",
        (
            "CODEBOOK_WARMUP_STEPS=0",
            "ARGMAX_NORMALIZATION='relu'",
            "DIVERSITY_WEIGHT=1000.0",
        ),
    ),
    (
        "hop8_amae",
        "no measures (nu = 1000)",
        (
            "CODEBOOK_WARMUP_STEPS=0",
            "INPUT_REPLACEMENT=0.0",
            "LOCAL_LAYERS=10",
            "ARGMAX_NORMALIZATION='relu'",
            "DIVERSITY_WEIGHT=1000.0",
        ),
    ),
)
MODELS = tuple(dict.fromkeys(model for model, _, _ in VARIANTS))
