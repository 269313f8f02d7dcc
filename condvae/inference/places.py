"""The latent vectors of the original experiment's figures."""

ROW = ((-5, -5), (-1, -1), (0, 0), (1, 1), (5, 5))
GRID = ((-3, 3), (1, -1), (3, 3), (-1, -1), (0, 0), (1, 1), (-3, -3), (-1, 1), (3, -3))
