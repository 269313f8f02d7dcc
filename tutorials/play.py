# %% [markdown]
# # Play with a trained model
#
# This tutorial needs no data and no training. A small model of handwritten digits ships with condvae.

# %%
import condvae

model = condvae.load("pretrained")
model

# %% [markdown]
# The label says *what* is drawn. `count` images of each label are drawn in different styles. The same seed gives the
# same images.

# %%
images = condvae.generate(model, ["2", "3", "5"], count=10, seed=0)
condvae.show(images)

# %% [markdown]
# The latent vector z says *how* it is drawn. Here it goes from left to right through the latent space, for two labels.

# %%
z = [[step / 2, 0] for step in range(-5, 5)]
condvae.show(condvae.generate(model, ["4", "9"], z=z))

# %% [markdown]
# `encode` finds the latent vector of an image, and `restyle` draws other labels with it: the same style for each digit.

# %%
seven = condvae.generate(model, "7", z=[1.5, 0.5])
every = [condvae.restyle(model, seven, "7", str(digit))[0] for digit in range(10)]
condvae.show(every, [str(digit) for digit in range(10)])

# %% [markdown]
# `interpolate` draws the way from one image to another, between styles and between labels.

# %%
way = condvae.interpolate(model, ["7", "1"], [[1.5, 0.5], [-1.0, -1.0]], steps=9)
condvae.show(way)

# %% [markdown]
# The explorer shows all of this under the pointer. To see it in the cell of a notebook, let `page` be the last line of
# the cell.

# %%
page = condvae.explore("pretrained")
page.stop()
