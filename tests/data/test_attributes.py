"""Measures against images and samples whose answer is known."""

import pytest
import torch

from condvae.data.attributes import style, thickness


def stroke(slant: float, width: float = 2.0) -> torch.Tensor:
    """A bar through the middle, leaning to the right by `slant` pixels for one pixel up."""
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    distance = (columns - 13.5) - slant * (13.5 - rows)
    inside = (rows - 13.5).abs() < 9
    return ((width - distance.abs()).clamp(0, 1) * inside)[None, None]


@pytest.mark.parametrize("slant", [-0.5, 0.0, 0.3])
def test_slant_of_a_slanted_bar(slant: float) -> None:
    assert style(stroke(slant)).slant.item() == pytest.approx(slant, abs=0.01)


def test_ink_counts_pixels_and_width_ignores_slant() -> None:
    upright, slanted, bold = (style(stroke(*arguments)) for arguments in ((0.0,), (0.4,), (0.0, 3.0)))
    assert upright.ink.item() == pytest.approx(stroke(0.0).sum().item())
    assert slanted.width.item() == pytest.approx(upright.width.item(), rel=0.05)
    assert bold.width > 1.3 * upright.width
    uniform = torch.zeros(1, 1, 9, 28)
    uniform[..., 4:24] = 1
    assert style(uniform).width.item() == pytest.approx(((20**2 - 1) / 12) ** 0.5)


@pytest.mark.parametrize("image", [torch.zeros(1, 1, 28, 28), torch.ones(1, 3, 1, 1)])
def test_style_of_a_constant_image_is_finite(image: torch.Tensor) -> None:
    assert all(part.isfinite().all() for part in style(image))


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_thickness_of_a_stroke_is_its_width(width: int) -> None:
    image = torch.zeros(1, 1, 60, 20)
    image[..., 5:55, 8 : 8 + width] = 1
    expected = 2 * 50 * width / (2 * 50 + 2 * width)  # its ends are part of the outline
    assert thickness(image).item() == pytest.approx(expected, rel=0.02)
    assert thickness(torch.zeros(1, 1, 5, 5)).item() == 0
