"""log p(x|y) of images under every label, with more samples where they matter for log p(x)."""

import torch
from torch import Tensor

from condvae.evaluation.importance import log_likelihood
from condvae.model.cvae import CVAE
from condvae.seeds import seeded

# importance samples of a round, and the nats by which a label may be less probable than the best one to be in it
ROUNDS = ((20, torch.inf), (200, 30.0), (1000, 10.0))


def by_label(model: CVAE, x: Tensor, rows: Tensor, log_prior: Tensor, most: int, *seeds: int) -> Tensor:
    """log p(x|y) of each image under every label, in nats: float32 (B, classes).

    Each round has more samples than the one before, for labels that are not yet much less probable than the best one.
    An estimate with few samples is too low for a label that the image does not have, by tens of nats. A sum over labels
    is hardly changed by that, because such labels contribute little to it.

    Args:
        model: a trained model with labels among its conditions.
        x: images as the likelihood sees them, float (B, C, H, W), on the CPU.
        rows: conditions (B, D). The label in them is not used.
        log_prior: log p(y), (classes,).
        most: the largest number of importance samples for a label.
        seeds: distinguish the samples from those of other calls.
    """
    table = torch.full((len(x), len(log_prior)), -torch.inf)
    for number, (samples, margin) in enumerate(_rounds(most)):
        joint = table + log_prior
        near = joint >= joint.max(1, keepdim=True).values - margin
        for label, name in enumerate(model.conditions.classes):
            chosen = near[:, label].nonzero()[:, 0] if number else torch.arange(len(x))
            if not len(chosen):
                continue
            given = rows[chosen].clone()
            given[:, 0] = label
            with seeded(*seeds, number, label):
                what = f"Importance sampling under label {name}"
                table[chosen, label] = log_likelihood(model, x[chosen], given, samples, what).whole
    return table


def rounds_in_words(most: int) -> str:
    """How many samples each label gets, for a protocol."""
    first, *others = _rounds(most)
    more = [f"{samples:,} for those within {margin:g} nats of the best one" for samples, margin in others]
    return f"{', and '.join([f'{first[0]} importance samples for each label', *more])}."


def _rounds(most: int) -> list[tuple[int, float]]:
    return [
        (min(samples, most), margin) for number, (samples, margin) in enumerate(ROUNDS) if not number or samples <= most
    ]
