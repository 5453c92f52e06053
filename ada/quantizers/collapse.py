"""When a codebook has collapsed: one meaning for training, searching and reports (our choice)."""

# A perplexity of 20, of 256 codes.
LEAST_SHARE = 20 / 256


def least_perplexity(num_codes: int) -> float:
    """The perplexity below which a codebook of so many codes has collapsed."""
    return max(1.5, LEAST_SHARE * num_codes)


def collapsed(perplexity: float, num_codes: int) -> bool:
    """Whether a codebook has collapsed, by its perplexity over many codes; NaN counts as such."""
    return not perplexity >= least_perplexity(num_codes)
