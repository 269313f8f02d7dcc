"""Fetch the JavaScript libraries of the page without a server from npm, and pin them: python -m scripts.vendor

It needs npm. The files are part of the package, so that neither a user nor a build needs npm or a network. The program
of onnxruntime-web is compressed with gzip: 3.7 MB instead of 14.2 MB, which the browser unpacks itself. A second build,
which also computes on a graphics card (WebGPU), has 4.1 MB instead of 16.8 MB.
"""

import gzip
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from condvae.explorer.page import STATIC

PACKED = ".packed"  # the ending of a file that is compressed
VENDOR = STATIC / "offline" / "vendor"
# package, version, file in the package, and file in VENDOR
FILES = (
    ("onnxruntime-web", "1.30.0", "dist/ort.wasm.bundle.min.mjs", "ort.wasm.bundle.min.mjs"),
    ("onnxruntime-web", "1.30.0", "dist/ort-wasm-simd-threaded.wasm", "wasm.wasm.packed"),
    ("onnxruntime-web", "1.30.0", "dist/ort.jspi.bundle.min.mjs", "ort.jspi.bundle.min.mjs"),
    ("onnxruntime-web", "1.30.0", "dist/ort-wasm-simd-threaded.jspi.wasm", "jspi.wasm.packed"),
    ("modern-gif", "2.1.0", "dist/index.js", "modern-gif.js"),
)
DIGESTS = {  # SHA-256 of the content, unpacked
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "wasm.wasm.packed": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "ort.jspi.bundle.min.mjs": "07ec090355e11b342c95436db54da2d0c2bd5b1d319745bfd3337e6bdcf170ac",
    "jspi.wasm.packed": "a54c76f86b0f0d9572380cf1c6292a7b3903716ffcbcd6b0e5c7050bf430eb93",
    "modern-gif.js": "301cd6558885a83ca1802488d99692a5af516b1ce5eae5787ace5da7cead0927",
}


def main() -> None:
    """Fetch the files, and stop if one is not what was pinned."""
    with tempfile.TemporaryDirectory() as temporary:
        for package, version, source, name in FILES:
            folder = Path(temporary) / f"{package}-{version}"
            if not folder.exists():
                folder.mkdir()
                fetched = subprocess.run(
                    ["npm", "pack", f"{package}@{version}"], cwd=folder, check=True, capture_output=True, text=True
                )
                with tarfile.open(folder / fetched.stdout.split()[-1]) as archive:
                    archive.extractall(folder, filter="data")
            write(folder / "package" / source, VENDOR / name)
            if digest(VENDOR / name) != DIGESTS[name]:
                raise SystemExit(f"{name} has the digest {digest(VENDOR / name)}, which is not the one in DIGESTS.")
            print(VENDOR / name)


def write(source: Path, target: Path) -> None:
    content = source.read_bytes()
    target.write_bytes(gzip.compress(content, 9, mtime=0) if target.suffix == PACKED else content)


def digest(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(gzip.decompress(content) if path.suffix == PACKED else content).hexdigest()


if __name__ == "__main__":
    main()
