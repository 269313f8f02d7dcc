"""`python -m condvae` is `condvae`."""

from condvae.cli import main

raise SystemExit(main())
