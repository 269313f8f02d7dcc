"""`python -m condvae` is `condvae`."""

from condvae.cli.main import main

raise SystemExit(main())
