"""The texts of the page docs/quality.md."""

INTRODUCTION = """This page is written by `python -m scripts.quality`, from the results in `docs/quality/`. Each
recipe is trained with as many seeds as the tables say, and evaluated by `condvae evaluate`. A cell has the mean over
seeds ± the standard deviation over seeds, and in brackets the standard error of the figure of one seed. All seeds are
measured on the same images, so the deviation over seeds does not show the influence of the images. The recipe `paper`
trains on all training images, and all other recipes hold 5,000 of them out, on which [their settings were
chosen](choices.md). `plane-shipped` is the model that ships with the package: `plane` with narrower networks and
weights in half precision, one seed. `plane-gaussian` is no recipe of the package: it is `plane` for grey pixels, with
Gaussian pixels and one sample of z (`scripts/quality.py`). Test images are judged by the classifier that ships with
condvae; see `condvae/weights/judge-mnist.json`.

Images are drawn with z from the model's prior, or from the mixture of Gaussians that the evaluation fits to the codes
of the training images of each class, without the least probable tenth. An image is the mean of p(x|z,y), or a sample
of it. A sample has the noise of each pixel, so it is compared with binarised images if the likelihood is of binarised
images."""
GOALS = """`paper` stays the original experiment, whose labels do not share their thickness. `fast` is the same model
with a term for it."""
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
that were copied in one way, and the share of them that is detected. A model whose "reconstructed" training images are
detected in about 1% of cases, as those with two latent dimensions, draws no copies that this test could see. By the
features of the judge, it does not see noisy copies of any recipe, and blurred ones hardly."""
EACH_CLASS = """Images are decoder means unless a heading says samples."""
CHANGES = """Every figure that this page had before its estimators and the settings of recipes changed, by three
seeds, and the present one. Before, there was no standard error of a seed, the Frechet distance was not
extrapolated to infinitely many images, -log p(x|y) was of 1,000 images of which each class had as many, with 500
importance samples from q(z|x,y) alone, the accuracy score was of one classifier, and copies were measured against all
classes."""
PEERS = """`python -m benchmarks.peers` trains other conditional generators on the same training images, for the same
minutes on the same two cores, and measures as many images of each by the same evaluation. Each runs in an environment
of its own with exact versions, with the settings of its authors or of its library where there are some
(`benchmarks/peers/scripts/`). Each is trained with one seed, so the errors are those of the images alone.

VAEs draw decoder means, because the test images have no noise of single pixels. Flow matching has no average of its
weights over the steps; its step size falls to 0 instead. The judge has seen the training images in the first row, and
recognises fewer of the test images, as the tables above say. The training time of the mixture includes the time to fit
it. Nats of different pixels cannot be compared."""
CHOICE = """On MNIST, condvae has the least Frechet distance by the features of the judge, the best precision, coverage
and likelihood of binarised pixels, and as good an accuracy score as the VAMP. Others are better at this: flow matching
and the PixelCNN miss fewer kinds of images (recall), flow matching is nearer by random features, which depend on no
training images, and the VAEs of both libraries draw 3 to 30 times as many images in a second.

On Fashion-MNIST, flow matching and DCGAN are better than condvae at every figure of the images, but for the labels
that images from the mixture obey. The VAMP is better at most, by the features of the judge. A VAE draws means, in which
prints, seams and folds are blurred. condvae has the recipe `auto` there, whose settings were not chosen on such images.
On MNIST it has `conv`, which was chosen there. Of the models with a likelihood of binarised pixels, condvae has the
best one on Fashion-MNIST, too.

Take flow matching if images must look real and be diverse, and 70 times the time for an image does not matter. Its
noise has as many numbers as an image has pixels, and nothing makes it mean the same for two labels. DCGAN is as fast as
condvae, and cannot encode an image. The VAMP of pythae is as good or better for drawing alone, if a model for each
class will do. Take condvae for all labels in one model with shared styles, for encoding, changing and comparing images,
for likelihoods, or for an explorer that answers at once. Whether its images help a classifier is to be measured on your
own data in any case ([Balance a data set](augmentation.md))."""
