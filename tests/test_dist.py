"""The packed book is whole, the same each time, and what its checksum says."""

import hashlib
import shutil
from zipfile import ZipFile

import pytest

from tools import pdf
from tools.dist import pack
from tools.project import BookError


@pytest.fixture
def root(tmp_path):
    html = tmp_path / "_build" / "html"
    (html / "chapters").mkdir(parents=True)
    (html / "index.html").write_text("<h1>front</h1>")
    (html / "chapters" / "one.html").write_text("<h1>one</h1>")
    (html / ".stage").write_text("of the build")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2"\n')
    return tmp_path


def test_the_zip_holds_the_book_and_its_checksum_stands_beside(root):
    target = pack(root)
    assert target.name == "multifunctionality-1.2.zip"
    with ZipFile(target) as archive:
        names = {name.removeprefix("multifunctionality-1.2/") for name in archive.namelist()}
        assert archive.read("multifunctionality-1.2/index.html") == b"<h1>front</h1>"
    assert names == {"index.html", "chapters/one.html"}
    digest, name = target.with_suffix(".zip.sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256(target.read_bytes()).hexdigest(), target.name)


def test_the_same_book_is_packed_into_the_same_bytes(root):
    first = pack(root).read_bytes()
    (root / "_build" / "html" / "index.html").touch()
    assert pack(root).read_bytes() == first
    (root / "_build" / "book.pdf").write_bytes(b"%PDF")
    with ZipFile(pack(root)) as archive:
        assert archive.read("multifunctionality-1.2/book.pdf") == b"%PDF"


def test_what_is_missing_is_said(root, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BookError, match="apt install chromium"):
        pdf.print_book(root)
    shutil.rmtree(root / "_build")
    for make in (pack, pdf.print_book):
        with pytest.raises(BookError, match="run `make book` first"):
            make(root)
