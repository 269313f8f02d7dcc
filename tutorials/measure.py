# %% [markdown]
# # Measure a model and write a report
#
# Every figure of condvae comes with its error, its number of images and its protocol. This tutorial measures a small
# model of the digits of scikit-learn, so that it takes a minute.

# %%
import condvae

config = condvae.Config(
    data=condvae.DataConfig("digits"),
    model=condvae.ModelConfig(latent=2, likelihood="bernoulli"),
    training=condvae.TrainingConfig(batch_size=50),
    trainer={"max_epochs": 8},
)
model = condvae.fit(config, "runs/digits")

# %% [markdown]
# `condvae evaluate` measures all parts that fit the model. `--only` chooses some of them.

# %%
# !condvae evaluate runs/digits --only reconstruction likelihood styles

# %% [markdown]
# The figures are in `runs/digits/evaluation.json`. `condvae report` writes one HTML file with figures and pictures, and
# measures what is missing and takes only seconds.

# %%
# !condvae report runs/digits

# %% [markdown]
# What a part measures and what its figures mean is on the page [Evaluate](../evaluation.md).
