"""The Frechet audio distance between sets of clips (Kilgour et al. 2019), in a tagger's embedding.

Kilgour's is of VGGish's embeddings; this one is of musicnn's (`ada.evaluation.tagger`), so its
values compare with each other only. Of few patches it is biased upwards: read it beside the
distance of real audio from as much other real audio.
"""

from collections.abc import Sequence

import numpy as np

from ada.evaluation import tagger


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The Frechet distance of the normal distributions fitted to two sets of vectors.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), the squared 2-Wasserstein distance.

    Args:
      a: `[patches, dim]`, two patches or more.
      b: `[patches, dim]`.

    Raises:
      ValueError: if there are fewer than two patches of one.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a Frechet distance of {len(a)} and {len(b)} vectors: needs two of each.")
    # tr (C_a C_b)^(1/2) is the sum of the singular values of X_a X_b^T, of the centred vectors over
    # root n - 1: no root of a matrix that is singular where vectors are fewer than dimensions. They
    # are those of R_a R_b^T, X = Q R, which is no larger than the dimensions.
    centred = [(x - x.mean(0)) / np.sqrt(len(x) - 1.0) for x in (np.float64(a), np.float64(b))]
    triangles = [np.linalg.qr(x, mode="r") for x in centred]
    cross = np.linalg.svd(triangles[0] @ triangles[1].T, compute_uv=False).sum()
    spread = sum(np.square(x).sum() for x in centred)
    between = np.square(np.float64(a).mean(0) - np.float64(b).mean(0)).sum()
    return float(max(between + spread - 2.0 * cross, 0.0))


def distance_and_error(
    clips: Sequence[np.ndarray], reference: np.ndarray
) -> dict[str, float | None]:
    """The Frechet distance of clips from a reference, and its error by the jackknife over clips.

    The error is that of having drawn these clips and no others; the bias that few clips bring, and
    the choice of the reference, are not in it.

    Args:
      clips: embeddings of each clip, `[patches, dim]`; clips without a patch do not count.
      reference: embeddings `[patches, dim]`.

    Returns:
      "mean", the distance; "error", None of fewer than three clips.
    """
    clips = [clip for clip in clips if len(clip)]
    error = None
    if len(clips) > 2:
        without = [
            frechet_distance(np.concatenate([*clips[:k], *clips[k + 1 :]]), reference)
            for k in range(len(clips))
        ]
        error = float(np.std(without) * np.sqrt(len(clips) - 1))
    distance = frechet_distance(np.concatenate(clips), reference)
    return {"mean": distance, "error": error}


def embeddings(clips: Sequence[np.ndarray], sample_rate: int) -> list[np.ndarray]:
    """Embeddings of the patches of each clip, float32 `[patches, 200]`; none of less than 3 s."""
    return [tagger.embed(clip, sample_rate) for clip in clips]
