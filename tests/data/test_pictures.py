"""Any picture that Pillow reads becomes 8-bit pixels; each kind of damage has its reason."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from condvae.data import pictures
from condvae.data.pictures import PictureError, as_array, eight_bit, is_grey, open_errors, opened, reason
from condvae.errors import DataError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def smooth(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth colour picture, like a photograph."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def again(picture: Image.Image, kind: str, **options: Any) -> Image.Image:
    """A picture, saved and opened."""
    return opened(saved(picture, kind, **options))


def rgb(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)


def largest_error(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


COLOUR = smooth(30, 20)
GREY = COLOUR.convert("L")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"])
def test_colour_modes(mode: str) -> None:
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        picture = ImageCms.profileToProfile(COLOUR, srgb, lab, outputMode="LAB")
    else:
        picture = COLOUR.convert(mode)
    assert picture.mode == mode
    found = as_array(picture, 3)
    assert found.dtype == np.uint8
    assert found.shape == (3, 20, 30)
    assert largest_error(found, rgb(COLOUR)) <= (16 if mode == "LAB" else 8), "rounding of the colour space"
    assert not is_grey(picture)
    assert largest_error(as_array(picture, 1)[0], np.asarray(GREY)) <= 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "I", "F", "I;16", "I;16B"])
def test_grey_modes(mode: str) -> None:
    expected = np.asarray(GREY)
    if mode == "1":
        picture = GREY.convert("1")
        expected = np.asarray(picture.convert("L"))
    elif mode == "I;16":
        picture = Image.fromarray(expected.astype(np.uint16) * 257)
    elif mode == "I;16B":
        picture = Image.frombytes("I;16B", GREY.size, (expected.astype(">u2") * 257).tobytes())
    else:
        picture = GREY.convert("LA").convert("La") if mode == "La" else GREY.convert(mode)
    assert picture.mode == mode
    assert is_grey(picture)
    assert np.array_equal(as_array(picture, 1)[0], expected)
    assert np.array_equal(as_array(picture, 3), np.stack([expected] * 3))


def test_more_than_eight_bits_are_scaled_to_white() -> None:
    ramp = np.linspace(0, 1, 60).reshape(6, 10)
    expected = np.rint(ramp * 255).astype(np.uint8)
    for picture in (
        Image.fromarray(np.rint(ramp * 65535).astype(np.int32)),
        Image.fromarray(ramp.astype(np.float32)),
        Image.fromarray((ramp * 255).astype(np.float32)),
        Image.fromarray((ramp * 1e6).astype(np.float32)),
        again(Image.fromarray(np.rint(ramp * 65535).astype(np.uint16)), "PNG"),
        again(Image.fromarray(np.rint(ramp * 65535).astype(np.uint16)), "TIFF"),
    ):
        assert largest_error(as_array(picture, 1)[0], expected) <= 1, picture.mode
    dark = again(Image.fromarray(np.full((4, 4), 200, np.uint16)), "PPM")
    assert as_array(dark, 1).max() == 1, "the format says 16 bit, though no value is more than 255"
    odd = np.array([[np.nan, np.inf, -np.inf, -3.0, 0.5, 1.0]], np.float32)
    assert as_array(Image.fromarray(odd), 1)[0, 0].tolist() == [0, 0, 0, 0, 128, 255]


def test_palettes() -> None:
    plain = COLOUR.quantize(16)
    assert np.array_equal(as_array(plain, 3), rgb(plain))
    key = plain.getpixel((0, 0))
    clear = np.asarray(plain) == key
    for picture in (again(plain, "PNG", transparency=key), again(plain, "GIF", transparency=key)):
        assert picture.mode == "P"
        found = as_array(picture, 3)
        assert (found[:, clear] == 255).all()
        assert np.array_equal(found[:, ~clear], rgb(plain)[:, ~clear])
    half = again(plain, "PNG", transparency=bytes([128] * 16))
    assert isinstance(half.info["transparency"], bytes)
    assert largest_error(as_array(half, 3), np.rint((rgb(plain) * 128.0 + 255 * 127) / 255)) <= 1
    with_alpha = plain.convert("PA")
    with_alpha.putalpha(0)
    assert (as_array(with_alpha, 3) == 255).all()
    assert is_grey(GREY.quantize(16)), "the palette has only grey colours"
    assert not is_grey(plain)


def test_transparent_pixels_are_white_and_have_no_colour() -> None:
    picture = Image.new("RGBA", (4, 2), (*RED, 0))
    picture.putpixel((0, 0), (100, 100, 100, 255))
    picture.putpixel((1, 0), (0, 0, 0, 128))
    found = as_array(picture, 1)[0]
    assert found.tolist() == [[100, 127, 255, 255], [255] * 4]
    assert is_grey(picture)
    picture.putpixel((2, 0), (*RED, 20))
    assert not is_grey(picture)
    grey = Image.new("LA", (2, 1), (0, 0))
    assert as_array(grey, 1).tolist() == [[[255, 255]]]


def test_a_colour_can_be_transparent() -> None:
    """tRNS chunks of PNG files without a palette: black and white, grey, RGB, and 16 bit."""
    assert as_array(again(Image.new("1", (2, 2), 0), "PNG", transparency=0), 1).min() == 255
    grey = Image.fromarray(np.array([[10, 20]], np.uint8))
    assert as_array(again(grey, "PNG", transparency=10), 1).tolist() == [[[255, 20]]]
    colour = Image.new("RGB", (2, 1), RED)
    colour.putpixel((1, 0), BLUE)
    assert as_array(again(colour, "PNG", transparency=RED), 3)[:, 0].T.tolist() == [[255] * 3, list(BLUE)]
    deep = Image.fromarray(np.array([[1000, 65535, 0]], np.uint16))
    assert as_array(again(deep, "PNG", transparency=1000), 1).tolist() == [[[255, 255, 0]]]
    pixels = np.array([[[0x8001, 0, 0], [0, 0x8001, 0]]], ">u2")
    content = png(pixels, colour_type=2, extra=[(b"tRNS", struct.pack(">3H", 0x8001, 0, 0))])
    assert as_array(opened(content), 3)[:, 0].T.tolist() == [[255] * 3, [0, 128, 0]]


def png(pixels: np.ndarray, colour_type: int, extra: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG file of 16-bit pixels, which Pillow does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = pixels.shape[:2]
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 16, colour_type, 0, 0, 0))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    body = b"".join(chunk(*one) for one in extra) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(COLOUR, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    picture = opened(content)
    expected = rgb(ImageOps.exif_transpose(opened(content)))
    assert np.array_equal(as_array(picture, 3), expected)
    assert eight_bit(opened(content))[1] == expected.shape[1:]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_data_is_ignored() -> None:
    content = saved(COLOUR, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert as_array(opened(content), 3).shape == (3, 20, 30)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation(kind: str) -> None:
    first, second = Image.new("RGB", (9, 7), RED), Image.new("RGB", (9, 7), BLUE)
    picture = again(first, kind, save_all=True, append_images=[second])
    assert picture.n_frames == 2
    assert largest_error(as_array(picture, 3), rgb(first)) <= 2
    picture.seek(1)
    assert largest_error(as_array(picture, 3), rgb(first)) <= 2


def test_crop_takes_the_middle() -> None:
    picture = Image.new("RGB", (60, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    assert np.array_equal(as_array(picture, 3, (20, 20)), rgb(Image.new("RGB", (20, 20), BLUE)))
    large = smooth(150, 90)
    expected = ImageOps.fit(large, (32, 32), Image.Resampling.LANCZOS)
    assert largest_error(as_array(large, 3, (32, 32)), rgb(expected)) <= 2
    assert np.array_equal(as_array(large.resize((28, 28)), 3, (28, 28)), rgb(large.resize((28, 28))))


@pytest.mark.parametrize("size", [(20, 20), (8, 40), (40, 8)])
def test_pad_keeps_the_whole_picture_on_the_colour_of_its_border(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", (40, 20), (10, 200, 30))
    picture.paste(RED, (10, 5, 30, 15))
    found = as_array(picture, 3, size, "pad")
    assert found.shape == (3, *size)
    for corner in (found[:, 0, 0], found[:, -1, -1]):
        assert largest_error(corner, np.array([10, 200, 30])) <= 2, "resizing rounds and overshoots"
    reds = (found[0] > 128) & (found[1] < 128)
    scale = min(size[0] / 20, size[1] / 40)
    assert reds.any(1).sum() == pytest.approx(10 * scale, abs=1)
    assert reds.any(0).sum() == pytest.approx(20 * scale, abs=1)
    assert as_array(Image.new("L", (30, 10), 77), 1, (16, 16), "pad").tolist() == [[[77] * 16] * 16]


def test_stretch_keeps_everything() -> None:
    large = smooth(150, 90)
    expected = large.resize((16, 40), Image.Resampling.LANCZOS)
    assert largest_error(as_array(large, 3, (40, 16), "stretch"), rgb(expected)) <= 2


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("own", [(1, 1), (1, 3000), (3000, 1), (3, 2)])
def test_pictures_of_any_shape_can_be_resized(own: tuple[int, int], resize: str) -> None:
    assert (as_array(Image.new("RGB", own, BLUE), 3, (12, 8), resize)[2] == 255).all()


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_decoded_at_a_lower_scale_is_as_good(resize: str, channels: int) -> None:
    """The result differs from a full decoding by less than the compression of the JPEG changes it."""
    generator = np.random.default_rng(1)
    noisy = np.clip(np.asarray(smooth(640, 480)) + generator.normal(0, 12, (480, 640, 3)), 0, 255).astype(np.uint8)
    content = saved(Image.fromarray(noisy), "JPEG", quality=90)
    picture = opened(content)
    quick = as_array(picture, channels, (48, 60), resize)
    assert picture.size in ((160, 120), (320, 240)), "it was not decoded at full size"
    full = opened(content)
    full.load()
    slow = as_array(full, channels, (48, 60), resize)
    noise = np.sqrt(np.mean((quick.astype(float) - slow) ** 2))
    assert 20 * np.log10(255 / noise) > 38


@pytest.mark.parametrize("options", [{"quality": 95}, {"keep_rgb": True}, {"progressive": True}, {"subsampling": 0}])
def test_kinds_of_jpeg(options: dict[str, Any]) -> None:
    large = smooth(300, 200)
    content = saved(large, "JPEG", **options)
    expected = np.asarray(large.convert("L").resize((30, 20), Image.Resampling.LANCZOS))
    assert largest_error(as_array(opened(content), 1, (20, 30))[0], expected) <= 6
    assert largest_error(as_array(opened(content), 3, (20, 30)), rgb(large.resize((30, 20)))) <= 12
    cmyk = opened(saved(large.convert("CMYK"), "JPEG", quality=95))
    assert cmyk.mode == "CMYK"
    assert largest_error(as_array(cmyk, 1, (20, 30))[0], expected) <= 12


def test_a_grey_photograph_in_colour_is_grey() -> None:
    as_colour = smooth(64, 48).convert("L").convert("RGB")
    for kind in ("PNG", "JPEG", "WEBP"):
        assert is_grey(again(as_colour, kind))
    as_colour.putpixel((5, 5), (90, 90, 90 + 5))
    assert not is_grey(again(as_colour, "PNG"))


def test_what_is_damaged_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved(smooth(200, 100), "PNG")
    reasons = {
        b"": "the file is empty",
        b"This is a text.": "not a picture, or in a format that Pillow does not read",
        whole[:-4000]: "the file is truncated",
        saved(smooth(200, 100), "JPEG")[:-900]: "the file is truncated",
        whole[:20]: None,
    }
    for content, expected in reasons.items():
        with pytest.raises(PictureError) as caught:
            as_array(opened(content), 3, (8, 8))
        assert "0x" not in str(caught.value)
        assert expected is None or str(caught.value) == expected
    broken = bytearray(whole)
    broken[60:90] = bytes(30)
    with pytest.raises(PictureError, match=r"^damaged: "):
        as_array(opened(bytes(broken)), 3)
    with pytest.raises(PictureError, match="cannot be read: No such file or directory"):
        opened(str(tmp_path / "none.png"))
    with pytest.raises(PictureError, match="cannot be read: Is a directory"):
        opened(str(tmp_path))
    (tmp_path / "empty.png").touch()
    with pytest.raises(PictureError, match=r"^the file is empty$"):
        opened(str(tmp_path / "empty.png"))
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    with pytest.raises(PictureError, match="EPS files contain drawing commands; save it as PNG"):
        as_array(opened(postscript), 3)
    assert reason(MemoryError()) == "more pixels than fit into memory; scale it down"
    assert reason(ValueError("bad <_io.BytesIO object at 0x7f00>")) == "damaged: bad it"
    assert issubclass(PictureError, DataError)


def test_a_decompression_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = bytearray(saved(Image.new("1", (16, 16)), "PNG"))
    bomb[16:24] = struct.pack(">2I", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))
    with pytest.raises(PictureError, match=r"^more than 178,956,970 pixels; scale it down$"):
        opened(bytes(bomb))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(PictureError, match=r"^60000 x 60000 pixels, which is more than 178,956,970; scale it down$"):
        as_array(opened(bytes(bomb)), 1, (8, 8))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA", "JPEG2000", "PCX"])
def test_random_damage_raises_nothing_else(kind: str) -> None:
    """Files with random bytes in random places decode, or raise what `open_errors` names."""
    content = saved(COLOUR.resize((32, 32)), kind)
    generator = np.random.default_rng(0)
    reasons = []
    for _ in range(150):
        broken = bytearray(content[: int(generator.integers(1, len(content) + 1))])
        for place in generator.integers(0, len(broken), 4):
            broken[min(place, int(generator.integers(0, 64)), len(broken) - 1)] = int(generator.integers(0, 256))
        try:
            as_array(Image.open(io.BytesIO(bytes(broken))), 3, (8, 8))
        except open_errors as error:
            reasons.append(reason(error))
    assert len(reasons) > 20
    assert all(0 < len(text) < 160 and "0x" not in text for text in reasons)


def test_a_large_file_and_a_small_one_are_opened_alike(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    for picture in (noise, COLOUR):
        path = tmp_path / "picture.png"
        picture.save(path)
        assert (path.stat().st_size > pictures.SMALL) == (picture is noise)
        with opened(str(path)) as found:
            assert np.array_equal(as_array(found, 3), rgb(picture))


def test_arrays_can_be_written_to() -> None:
    as_array(GREY, 1)[:] = 0
    as_array(COLOUR, 3, (5, 5))[:] = 0


def test_decoding_needs_neither_torch_nor_numpy(tmp_path: Path) -> None:
    """Processes that decode start fast, and take little memory."""
    GREY.save(tmp_path / "grey.png")
    code = (
        "import sys; from condvae.data.packing.decoding import *; from pathlib import Path\n"
        "from condvae.data.listing import Files\n"
        f"folder = Path({str(tmp_path)!r}); file = folder / 'rows'; file.write_bytes(bytes(600))\n"
        "decode(Files(folder, ['grey.png']), Plan(1, 20, 30, 'crop', True, True), file, Span(0, 1))\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "PIL" in loaded
    assert not {"torch", "lightning", "numpy", "yaml", "tqdm"} & set(loaded)
    assert (tmp_path / "rows").read_bytes() == GREY.tobytes()
