"""Other conditional generators of images against condvae: same training images, same minutes, same evaluation."""
