"""What a notebook shows of a model."""

import base64
import io
import re

import numpy as np
import torch
from PIL import Image

import condvae
from condvae.config import ModelConfig
from condvae.model.cvae import CVAE
from condvae.schema import Schema
from tests.model.test_laws import MIXED


def test_a_model_says_what_it_is_in_five_lines() -> None:
    lines = repr(condvae.load("pretrained")).splitlines()
    assert len(lines) == 5
    assert lines[0] == "CVAE: grey images of 28 x 28 pixels from 2 latent dimensions"
    assert lines[1] == "  conditions: label (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)"
    assert re.fullmatch(r"  [\d,]+ parameters on cpu", lines[4])


def test_a_notebook_shows_one_image_of_each_class() -> None:
    model = condvae.load("pretrained").train()
    html = model._repr_html_()
    data = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])
    sheet = np.asarray(Image.open(io.BytesIO(data)))[::2, ::2]
    for label, image in enumerate(condvae.generate(model, range(10), z=[0, 0])):
        assert np.abs(sheet[:, 30 * label : 30 * label + 28].astype(int) - image[0]).max() <= 1
    assert model.training, "it is in the mode that it was in before"


def test_models_of_all_kinds_have_a_picture() -> None:
    torch.manual_seed(0)
    for conditions in ((), ("slant",), ("label", "colour", "slant")):
        config = ModelConfig(conditions=conditions, encoder=(8,), decoder=(8,))
        model = CVAE(config, Schema((3, 5, 7), ("<a>", "b"), MIXED))
        assert "data:image/png;base64," in model._repr_html_()
        assert "<a>" not in model._repr_html_()
        assert ("none" in repr(model)) == (not conditions)
