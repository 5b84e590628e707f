"""Which training images an epoch shows, how often, and what each class weighs in the loss."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from cytobench.images import Images
from cytobench_torch.augment import draw


def places(images: Images, extra: int, seed: int) -> NDArray[np.int64]:
    """Positions of the images, int64: each once, then ``extra`` of the real images of each class.

    Within a class every real image is drawn once more before any is drawn twice more, at random by ``seed``; a larger
    ``extra`` repeats what a smaller one does and more. A class without a real image gets none.
    """
    positions = [np.arange(len(images))]
    if not extra:
        return positions[0]
    real, targets = ~images.table["synthetic"].to_numpy(dtype=bool), images.targets
    for column in range(len(images.labels)):
        rows = np.flatnonzero(real & (targets == column))
        if len(rows):
            rng = np.random.default_rng((seed, 0, 2, column))
            rounds = [rng.permutation(rows) for _ in range(math.ceil(extra / len(rows)))]
            positions.append(np.concatenate(rounds)[:extra])
    return np.concatenate(positions)


def epoch_order(seed: int, epoch: int, size: int, shown: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What an epoch (from 1) shows of ``size`` places: their numbers, int64 (shown,), and numbers for augmentation.

    The places are gone through in a random order, pass after pass, and an epoch shows the next ``shown`` of them: with
    ``shown`` = ``size`` each once. The uniform numbers, (shown, k) in 0 .. 1 as of
    :func:`~cytobench_torch.augment.draw`, depend on seed, pass and place alone.
    """
    start, stop = (epoch - 1) * shown, epoch * shown
    numbers, draws = [], []
    for number in range(start // size, math.ceil(stop / size)):
        order = np.random.default_rng((seed, number + 1, 1)).permutation(size)
        part = order[max(0, start - number * size) : stop - number * size]
        numbers.append(part)
        draws.append(draw(seed, number + 1, size)[part])
    return np.concatenate(numbers), np.concatenate(draws)


def balanced_weights(targets: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """The weight of each class, float64 (classes,): n / (k * n_c), with n images of k classes, n_c of them of class c.

    Their mean over the images is 1. A class without an image is not among the k and weighs 1, which nothing uses.
    Scikit-learn's ``compute_class_weight("balanced")``, after King and Zeng, "Logistic regression in rare events data"
    (2001).
    """
    present = np.unique(targets)
    weights = np.ones(classes)
    weights[present] = compute_class_weight("balanced", classes=present, y=targets)
    return weights
