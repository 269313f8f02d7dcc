"""The figures. Each module here has some of them as records; see `condvae.report.record`."""
