"""The texts of the page docs/quality.md."""

INTRODUCTION = """This page is written by `python -m scripts.quality`, from the results in `docs/quality/`. Each
recipe is trained with as many seeds as the tables say, and evaluated by `condvae evaluate`. A cell has the mean over
seeds ± the standard deviation over seeds, and in brackets the standard error of the figure of one seed. All seeds are
measured on the same images, so the deviation over seeds does not show the influence of the images. The recipe `paper`
trains on all training images, and all other recipes hold 5,000 of them out, on which [their settings were
chosen](choices.md). Test images are judged by the classifier that ships with condvae; see
`condvae/weights/judge-mnist.json`.

Images are drawn with z from the model's prior, or from the mixture of Gaussians that the evaluation fits to the codes
of the training images of each class, without the least probable tenth. An image is the mean of p(x|z,y), or a sample
of it. A sample has the noise of each pixel, so it is compared with binarised images if the likelihood is of binarised
images."""
SHARING = """The correlation of a measure of style between two labels at the same z, as a mean over all pairs of
labels, for the codes of 1,000 test images. The goal is 0.5 for slant, thickness and ink. The width of a 1 and that of
a 0 mean different things. `paper` is the original experiment and stays as it was. The same model with the term
`training.shared_style` is `fast`. Attributes that are conditions have no agreement, because z does not decide them."""
SCORED = (
    """z is from the prior. Each figure is a mean over three seeds of the classifier for each seed of the recipe."""
)
LIKELIHOOD = """Nats per image. Binarisation is dynamic unless a heading says fixed. "500 to 5,000 samples" is by how
much -log p(x|y) decreases with ten times as many importance samples. `attributes` is given the slant and the
thickness of the image itself, which lowers its figures."""
COPYING = """The share of images that are nearer to a training image of their class than 99% of the reconstructions of
test images. It is 1% for images like these. The columns after the first two are positive controls: training images
that were copied in one way, and the share of them that is detected."""
EACH_CLASS = """Means over seeds ± the standard deviation over seeds. Images are decoder means unless a heading says
samples."""
CHANGES = """Every figure that this page had before its estimators and the settings of recipes changed, by three
seeds, and the present one. Means over seeds ± the standard deviation over seeds. Before, the Frechet distance was not
extrapolated to infinitely many images, -log p(x|y) was of 1,000 images of which each class had as many, with 500
importance samples from q(z|x,y) alone, the accuracy score was of one classifier, and copies were measured against all
classes."""
