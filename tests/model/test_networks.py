"""Networks in bfloat16 give what they give in float32, for images of any shape."""

import pytest
import torch
from torch import Tensor

from condvae.config import ModelConfig
from condvae.model.networks import ConvDecoder, ConvEncoder

CONFIG = ModelConfig(network="conv", encoder=(8, 16, 16), decoder=(16, 16, 8), blocks=1, latent=8, dropout=0)


def gradients(shape: tuple[int, int, int], bf16: bool) -> list[Tensor]:
    """Of all weights of an encoder and a decoder."""
    torch.manual_seed(0)
    networks = torch.nn.ModuleList([ConvEncoder(shape, 2, CONFIG), ConvDecoder(shape, 2, CONFIG)])
    networks.to(memory_format=torch.channels_last)
    x, y, z = torch.rand(20, *shape), torch.rand(20, 2), torch.rand(20, 8)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        features, pixels = networks[0](x, y), networks[1](z, y)
    (features.float().square().mean() + pixels.float().square().mean()).backward()
    return [features.float(), pixels.float(), *(weight.grad for weight in networks.parameters())]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 40, 5), (3, 5, 40), (1, 9, 2), (1, 9, 1), (1, 2, 2)], ids=str)
def test_bfloat16_and_float32_agree(shape: tuple[int, int, int]) -> None:
    torch.full((10_000_000,), torch.nan)  # what memory that is used again, and not initialised, has in it
    for ours, exact in zip(gradients(shape, bf16=True), gradients(shape, bf16=False), strict=True):
        assert (ours - exact).abs().max() <= 0.05 * exact.abs().max() + 1e-6
