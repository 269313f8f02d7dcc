"""The explorer: a page on which to try out a trained model, and an HTTP interface."""

from condvae.errors import require_extra

require_extra("explorer", "The explorer")
