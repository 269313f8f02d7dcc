"""The inverse of a neural spline flow with coupling layers, in three quarters of the operations of zuko's own.

zuko's inverse keeps widths, heights and slopes apart, although they go through the same operations. For one image the
number of operations is the time, above all in a browser.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad
from zuko.flows import NSF
from zuko.flows.autoregressive import MaskedAutoregressiveTransform

BOUND = 5.0  # of zuko's splines, outside of which they are the identity


def inverse(flow: NSF, u: Tensor, y: Tensor) -> Tensor:
    """Points (B, Z) of the base distribution under conditions (B, Y) to points (B, Z) of the flow's distribution."""
    for layer in reversed(list(flow.transform.transforms)):
        if not isinstance(layer, MaskedAutoregressiveTransform):  # with one dimension there is nothing to couple
            u = layer(y).inv(u)
            continue
        z = torch.zeros_like(u)
        for number in range(layer.passes):  # dimensions of the order 0 depend on y alone, the next ones on them, too
            parameters = layer.hyper(torch.cat([z, y], -1)).unflatten(-1, (-1, layer.total))
            found = spline_inverse(parameters, u, layer.univariate.keywords["slope"])
            z = torch.where(layer.order == number, found, z)
        u = z
    return u


def spline_inverse(parameters: Tensor, y: Tensor, slope: float) -> Tensor:
    """The x at which rational-quadratic splines have the values y.

    Durkan et al., "Neural Spline Flows", https://arxiv.org/abs/1906.04032, equations 6 to 8 and 25 to 29

    Args:
        parameters: without constraints, (B, Z, 3 K - 1): the widths of K bins, their heights, and K - 1 slopes.
        y: values, (B, Z).
        slope: the least slope of a spline.
    """
    bins = (parameters.shape[-1] + 1) // 3
    edges, inner = parameters.split((2 * bins, bins - 1), -1)
    shares = softened(edges, slope**0.5).unflatten(-1, (2, bins)).softmax(-1)
    knots = 2 * BOUND * pad(shares, (1, 0)).cumsum(-1) - BOUND
    slopes = pad(softened(inner, slope), (1, 1)).exp()
    every = torch.cat([knots, slopes.unsqueeze(-2)], -2)  # (B, Z, 3, K + 1): x, y and slope at each knot
    first = (knots[..., 1, 1:-1] < y.unsqueeze(-1)).sum(-1, keepdim=True).unsqueeze(-1)
    places = torch.cat([first, first + 1], -1).expand(-1, -1, 3, -1)
    lower, upper = every.gather(-1, places).unbind(-1)
    x0, y0, slope0 = lower.unbind(-1)
    width, height, _ = (upper - lower).unbind(-1)
    mean = height / width
    inside = y.abs() < BOUND
    rise = (y - y0) * inside  # so that no gradient of points outside is NaN
    bend = rise * (slope0 + upper[..., 2] - 2 * mean)
    a, b, c = height * (mean - slope0) + bend, height * slope0 - bend, mean * rise
    share = 2 * c / (b + (b * b + 4 * a * c).sqrt())
    return torch.where(inside, x0 + width * share, y)


def softened(parameters: Tensor, least: float) -> Tensor:
    """Parameters without constraints so that their exponentials are between `least` and its inverse."""
    return parameters / (1 + (parameters / math.log(least)).abs())
