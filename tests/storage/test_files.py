"""Files are written whole or not at all."""

from pathlib import Path

from condvae.storage.files import replacing


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first", "utf-8")
        second.write_text("second", "utf-8")
    assert path.read_text("utf-8") == "first", "the writer that ends last"
    assert list(tmp_path.iterdir()) == [path]
