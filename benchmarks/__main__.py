"""Run all benchmarks one after the other: python -m benchmarks [--out FOLDER]"""

from benchmarks import decoding, explorer, profile, quality, scaling, startup, training, tried
from benchmarks.harness import arguments


def main() -> None:
    out = str(arguments(__doc__, None).out)
    for benchmark in (startup, decoding, training, profile, tried, scaling, quality, explorer):
        benchmark.main(["--out", out])


if __name__ == "__main__":
    main()
