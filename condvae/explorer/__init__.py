"""The app: a page on which to play with a trained model."""
