# %% [markdown]
# # Train on your own images
#
# condvae reads a folder with a subfolder of pictures for each class. This tutorial makes one of the 1,797 small digits
# that come with scikit-learn. Use your own folder instead.

# %%
from pathlib import Path

from PIL import Image

import condvae

digits = condvae.load_data("digits").train
folder = Path("pictures")
for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
    path = folder / digits.classes[label] / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[0]).save(path)
sorted(path.name for path in folder.iterdir())

# %% [markdown]
# `condvae data check` looks for damaged files, duplicates and other surprises before any time is spent on training.

# %%
# !condvae data check folder:pictures

# %% [markdown]
# A `Config` has all settings. Those that are left out have defaults that fit most data.

# %%
config = condvae.Config(
    data=condvae.DataConfig("folder:pictures"),
    model=condvae.ModelConfig(latent=4, likelihood="bernoulli"),
    training=condvae.TrainingConfig(batch_size=50),
    trainer={"max_epochs": 20},
)
model = condvae.fit(config, "runs/pictures")

# %% [markdown]
# The run folder has everything: the weights, the settings and the figures of each epoch.

# %%
condvae.show(condvae.generate(model, list(digits.classes), seed=0), digits.classes)

# %% [markdown]
# With too few images of one class, `condvae augment` draws more of them, and measures whether they help a classifier.
# See [Balance a data set](../augmentation.md).
