"""The parts of the evaluation. Each module here is found by its PART; see `condvae.evaluation.part`."""
