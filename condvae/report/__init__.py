"""Report: what was measured becomes figures and one HTML file."""

from condvae.errors import require_extra

require_extra("report", "The report")
