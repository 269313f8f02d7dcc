"""The page without a server: a folder with the page, the graphs of a model, and what the page shows of its data."""

from condvae.errors import require_extra

require_extra("onnx", "The page without a server")
