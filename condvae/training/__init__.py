"""Training: a model and data become a run."""

from condvae.errors import require_extra

require_extra("train", "Training")
