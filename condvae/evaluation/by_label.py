"""log p(x|y) of images under every label, with more samples where they matter for log p(x)."""

import torch
from torch import Tensor

from condvae.evaluation.importance import log_likelihood
from condvae.model.cvae import CVAE
from condvae.seeds import seeded

FIRST = 20  # importance samples for each label
# more of them, and the nats by which a label may be less probable than the best one to get them
ROUNDS = ((200, 15.0), (1000, 5.0))


def by_label(
    model: CVAE,
    x: Tensor,
    rows: Tensor,
    labels: Tensor,
    log_prior: Tensor,
    most: int,
    *seeds: int,
    fast: bool = False,
) -> Tensor:
    """log p(x|y) of each image under every label, in nats: float32 (B, classes).

    Each round has more samples than the one before. They are for the true label and for labels that are not yet much
    less probable than the best one, if these are several labels. An estimate with few samples is too low for a label
    that the image does not have, by tens of nats. By how much log p(x) exceeds log p(x,y) of the true label is hardly
    changed by that, because such labels contribute little to it.

    Args:
        model: a trained model with labels among its conditions.
        x: images as the likelihood sees them, float (B, C, H, W), on the CPU.
        rows: conditions (B, D). The label in them is not used.
        labels: the true label of each image, int64 (B,).
        log_prior: log p(y), (classes,).
        most: the largest number of importance samples for a label.
        seeds: distinguish the samples from those of other calls.
        fast: whether images are decoded in bfloat16 if the device has instructions for it. That changes all labels of
            an image nearly alike.
    """
    table = torch.empty(len(x), len(log_prior))
    near = torch.ones_like(table, dtype=torch.bool)
    for number, (samples, margin) in enumerate([(min(FIRST, most), None), *_rounds(most)]):
        if margin is not None:
            joint = table + log_prior
            near = joint >= joint.max(1, keepdim=True).values - margin
            near[torch.arange(len(x)), labels] = True
            near &= near.sum(1, keepdim=True) > 1
        for label, name in enumerate(model.conditions.classes):
            chosen = near[:, label].nonzero()[:, 0]
            given = rows[chosen].clone()
            given[:, 0] = label
            what = f"Importance sampling under label {name}"
            if len(chosen):
                with seeded(*seeds, number, label):
                    found = log_likelihood(model, x[chosen], given, samples, what, fast=fast)
                table[chosen, label] = found.whole
    return table


def rounds_in_words(most: int) -> str:
    """How many samples each label gets, for a protocol."""
    more = [
        f"{samples:,} where others than the true label are within {margin:g} nats of the best one"
        for samples, margin in _rounds(most)
    ]
    return f"{', and '.join([f'{min(FIRST, most)} importance samples for each label', *more])}."


def _rounds(most: int) -> list[tuple[int, float]]:
    return [(samples, margin) for samples, margin in ROUNDS if samples <= most]
