"""Evaluation: a run and its data become an `Evaluation`."""

from condvae.errors import require_extra

require_extra("report", "Evaluation")
