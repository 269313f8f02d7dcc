"""Run all benchmarks one after the other: python -m benchmarks [--out FOLDER]"""

from benchmarks import (
    augmentation,
    decoding,
    explorer,
    exported,
    large,
    lighthouse,
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
    for benchmark in (*quick, large, quality, explorer, lighthouse, sweep, augmentation):
        benchmark.main(["--out", out])


if __name__ == "__main__":
    main()
