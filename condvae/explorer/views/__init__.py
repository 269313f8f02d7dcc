"""The views of the explorer, one module for each. See `condvae.explorer.view`."""
