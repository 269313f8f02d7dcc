"""Run all benchmarks one after the other: python -m benchmarks [--out FOLDER]"""

from benchmarks import (
    augmentation,
    bulk,
    decoding,
    explorer,
    exported,
    large,
    lighthouse,
    machines,
    packing,
    profile,
    quality,
    scaling,
    startup,
    sweep,
    training,
    tried,
)
from benchmarks.harness import arguments


def main() -> None:
    out = str(arguments(__doc__, None).out)
    quick = (startup, exported, decoding, packing, training, profile, tried, scaling)
    for benchmark in (*quick, large, quality, explorer, lighthouse, sweep, bulk, machines, augmentation):
        benchmark.main(["--out", out])


if __name__ == "__main__":
    main()
