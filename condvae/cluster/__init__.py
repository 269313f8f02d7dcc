"""Many trainings, on one machine or on a cluster, with Ray."""

from condvae.errors import require_extra

require_extra("ray", "Working on a cluster")
