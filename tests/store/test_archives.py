"""Archives: one tree through every container, and one clear line for each that is damaged or hostile."""

from __future__ import annotations

import gzip
import io
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import TREE, contents, entry, pack, pack_tar

from dircli.errors import InputError
from dircli.store.raw.tree import open_raw

KINDS = ["folder", "zip", "tar", "tar.gz", "tgz"]
ARCHIVES = KINDS[1:]
MEMBER = "deep/er/b.bin"


def pack_zip_by_hand(path: Path, data: bytes, *, size: int, crc: int = 0, method: int = 0) -> Path:
    """Write a zip with the one member ``x.bin``, whose headers say what they are told to say."""
    name = b"x.bin"
    facts = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 33, crc, len(data), size, len(name), 0)
    local = b"PK\x03\x04" + facts + name + data
    central = b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


def deflated_zeros(mebibytes: int) -> bytes:
    """A raw deflate stream of that many MiB of zeros, made from copies of one flushed block."""
    packer = zlib.compressobj(9, wbits=-15)
    first = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first * mebibytes + packer.flush()


# --- reading in place -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_tree_gives_the_same_members_and_bytes_through_every_container(kind: str, tmp_path: Path) -> None:
    order = list(TREE.items())[::-1]  # members are sorted, whatever the order of the archive
    path = pack(kind, tmp_path / f"raw.{kind}", dict(order))
    with open_raw(path) as raw:
        assert raw.name == str(path)
        assert list(raw.members()) == sorted(TREE)
        assert contents(raw) == TREE
        assert raw.find("b.bin") == raw.find("er/b.bin") == raw.find(MEMBER) == MEMBER
        assert raw.find("r/b.bin") is None
        assert raw.find("B.bin") is None


@pytest.mark.parametrize("kind", KINDS)
def test_streams_are_seekable_and_independent_of_each_other(kind: str, tmp_path: Path) -> None:
    data = TREE[MEMBER]
    with (
        open_raw(pack(kind, tmp_path / f"raw.{kind}", TREE)) as raw,
        raw.open(MEMBER) as one,
        raw.open("z/a.csv") as two,
    ):
        assert one.seek(300_000) == 300_000
        assert two.read(4) == b"x,y\n"
        assert one.read(5) == data[300_000:300_005]
        assert one.seek(-7, io.SEEK_END) == len(data) - 7
        assert one.read() == data[-7:]
        assert one.read() == b""
        assert one.seek(10) == 10
        assert one.read(3) == data[10:13]
        assert one.seek(2, io.SEEK_CUR) == one.tell() == 15
        assert two.read(4) == b"1,2\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_needs_no_closing_and_can_be_used_after_it(kind: str, tmp_path: Path) -> None:
    raw = open_raw(pack(kind, tmp_path / f"raw.{kind}", TREE))
    assert contents(raw) == TREE
    raw.close()
    assert contents(raw) == TREE
    del raw  # an unclosed handle would fail the test as a ResourceWarning


@pytest.mark.parametrize("kind", KINDS)
def test_messages_name_members_by_the_path_as_it_was_given_and_files_without_the_folders_above_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some").mkdir()
    pack(kind, tmp_path / "some" / f"raw.{kind}", TREE)
    pack("zip", tmp_path / "some" / "in.zip", {"z.bin": b"z"})
    monkeypatch.chdir(tmp_path)
    given = Path("some", f"raw.{kind}")
    mark, stated = ("/", MEMBER) if kind == "folder" else ("!/", f"raw.{kind}!/{MEMBER}")
    with open_raw(given) as raw:
        assert raw.name == str(given)
        assert raw.where(MEMBER) == f"{given}{mark}{MEMBER}"
        assert raw.inside(raw.where(MEMBER)) == stated
        assert raw.inside(raw.name) == f"raw.{kind}"
        assert raw.inside("elsewhere") == "elsewhere"
    with open_raw(Path("some")) as raw:
        assert raw.where("in.zip!/z.bin") == "some/in.zip!/z.bin"
        assert raw.inside("some/in.zip!/z.bin") == "in.zip!/z.bin"


def test_a_folder_that_is_given_as_a_dot_has_a_name_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack("folder", tmp_path, TREE)
    monkeypatch.chdir(tmp_path)
    with open_raw(Path()) as raw:
        assert (raw.name, raw.inside(raw.name)) == (".", tmp_path.name)
        assert (raw.where("a.txt"), raw.inside(raw.where("a.txt"))) == ("./a.txt", "a.txt")
        assert contents(raw) == TREE


def test_an_archive_is_told_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    for kind in ARCHIVES:
        made = pack(kind, tmp_path / f"raw.{kind}", TREE).rename(tmp_path / f"{kind}-as.bin")
        with open_raw(made) as raw:
            assert contents(raw) == TREE


def test_a_tar_that_holds_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = pack("zip", tmp_path / "in.zip", {"x": b"1"}).read_bytes()
    with open_raw(pack("tar", tmp_path / "out.tar", {"in.zip": inner})) as raw:
        assert contents(raw) == {"in.zip": inner}


def test_members_of_archives_in_a_folder_stand_behind_an_exclamation_mark(tmp_path: Path) -> None:
    pack("folder", tmp_path, {"plain.txt": b"plain", "sub/b.txt": b"b"})
    pack("zip", tmp_path / "one.zip", {"in/one.txt": b"1"})
    pack("tgz", tmp_path / "two.TGZ", {"two.txt": b"2"})
    pack("tar", tmp_path / "sub/deeper.tar", {"three.txt": b"3"})
    with open_raw(tmp_path) as raw:
        names = [name for name in raw.members() if not name.lower().endswith((".zip", ".tgz", ".tar"))]
        assert names == ["one.zip!/in/one.txt", "plain.txt", "sub/b.txt", "two.TGZ!/two.txt"]
        assert list(raw.members()) == sorted(raw.members())
        assert raw.find("one.txt") == raw.find("in/one.txt") == "one.zip!/in/one.txt"
        assert raw.find("two.txt") == "two.TGZ!/two.txt"
        assert raw.find("three.txt") is None  # archives below the top level are plain files
        assert raw.find("deeper.tar") == "sub/deeper.tar"
        assert contents(raw)["one.zip!/in/one.txt"] == b"1"
        assert raw.size("two.TGZ!/two.txt") == 1


def test_archives_in_a_folder_are_not_opened_for_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip at all")
    (tmp_path / "a.txt").write_bytes(b"plain")
    with open_raw(tmp_path) as raw:
        assert raw.find("a.txt") == "a.txt"
        assert raw.size("a.txt") == 5
        with raw.open("a.txt") as stream:
            assert stream.read() == b"plain"
        with pytest.raises(InputError, match=rf"^{tmp_path}/a\.zip: is neither a folder nor an archive"):
            raw.find("b.txt")


def test_a_member_of_one_archive_does_not_open_another(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip at all")
    pack("tar", tmp_path / "b.tar", {"b.txt": b"b"})
    with open_raw(tmp_path) as raw:
        assert raw.size("b.tar!/b.txt") == 1


def test_find_prefers_plain_files_and_refuses_a_choice_between_equals(tmp_path: Path) -> None:
    pack("folder", tmp_path, {"x.csv": b"", "old/y.csv": b"", "new/y.csv": b""})
    pack("zip", tmp_path / "1.zip", {"x.csv": b"", "z.csv": b""})
    pack("zip", tmp_path / "2.zip", {"deep/z.csv": b""})
    with open_raw(tmp_path) as raw:
        assert raw.find("x.csv") == "x.csv"
        assert raw.find("old/y.csv") == "old/y.csv"
        with pytest.raises(InputError, match=r"2 files answer to the name 'y\.csv': new/y\.csv, old/y\.csv\. Keep one"):
            raw.find("y.csv")
        with pytest.raises(InputError, match=r"'z\.csv': 1\.zip!/z\.csv, 2\.zip!/deep/z\.csv"):
            raw.find("z.csv")


@pytest.mark.parametrize("kind", KINDS)
def test_what_macos_leaves_behind_is_no_member(kind: str, tmp_path: Path) -> None:
    junk = {"__MACOSX/._a.txt": b"", ".DS_Store": b"", "in/.DS_Store": b"", "in/._b": b""}
    with open_raw(pack(kind, tmp_path / f"raw.{kind}", {"a.txt": b"", **junk})) as raw:
        assert raw.members() == ["a.txt"]


def test_unfinished_downloads_and_their_notes_are_no_members(tmp_path: Path) -> None:
    notes = {"a.zip.part": b"", "a.zip.part.json": b"", "a.lock": b"", "a.zip.sha256.json": b"", ".out.1.part/x": b""}
    with open_raw(pack("folder", tmp_path, {"a.txt": b"", **notes})) as raw:
        assert raw.members() == ["a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="making links on Windows needs special rights")
def test_a_users_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    pack("folder", tmp_path, {"elsewhere/x.txt": b"x", "raw/a.txt": b"a", "raw/sub/b.txt": b"b"})
    raw_folder = tmp_path / "raw"
    (raw_folder / "file").symlink_to(tmp_path / "elsewhere/x.txt")
    (raw_folder / "folder").symlink_to(tmp_path / "elsewhere")
    (raw_folder / "sub/up").symlink_to(raw_folder)
    (raw_folder / "broken").symlink_to(tmp_path / "nothing")
    with open_raw(raw_folder) as raw:
        assert contents(raw) == {"a.txt": b"a", "file": b"x", "folder/x.txt": b"x", "sub/b.txt": b"b"}


def test_only_regular_files_of_a_tar_are_members_and_a_hard_link_is_a_second_name(tmp_path: Path) -> None:
    special = [
        ("fifo", tarfile.FIFOTYPE),
        ("dev", tarfile.CHRTYPE),
        ("disk", tarfile.BLKTYPE),
        ("dir", tarfile.DIRTYPE),
    ]
    infos = [entry(name, kind=kind) for name, kind in special]
    infos += [entry("link", kind=tarfile.SYMTYPE, link="a"), entry("a", size=3)]
    infos += [entry("same", kind=tarfile.LNKTYPE, link="./a"), entry("lost", kind=tarfile.LNKTYPE, link="/etc/passwd")]
    with open_raw(pack_tar(tmp_path / "raw.tar", *infos, data=b"one")) as raw:
        assert contents(raw) == {"a": b"one", "same": b"one"}


def test_a_symbolic_link_in_a_zip_is_no_member(tmp_path: Path) -> None:
    path = pack("zip", tmp_path / "raw.zip", {"a": b"one"})
    add_zip_link(path, "link", "/etc/passwd")
    with open_raw(path) as raw:
        assert raw.members() == ["a"]


def add_zip_link(path: Path, name: str, target: str) -> None:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(info, target)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_backslashes_and_dots_in_names_are_made_plain(kind: str, tmp_path: Path) -> None:
    with open_raw(pack(kind, tmp_path / f"raw.{kind}", {"in\\a.txt": b"a", "./b//c.txt": b"c"})) as raw:
        assert contents(raw) == {"in/a.txt": b"a", "b/c.txt": b"c"}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_unsafe_names_are_refused_when_listed(kind: str, tmp_path: Path) -> None:
    names = ["../evil", "/etc/x", "a/../../b", "C:/x", "..\\evil"]
    path = pack(kind, tmp_path / f"raw.{kind}", dict.fromkeys(["fine", *names], b""))
    with pytest.raises(InputError, match=r"holds names that lead out of it: '\.\./evil'") as caught:
        open_raw(path)
    assert all(repr(name) in str(caught.value) for name in names)
    assert "fine" not in str(caught.value)


def test_only_the_first_ten_unsafe_names_are_shown(tmp_path: Path) -> None:
    path = pack("zip", tmp_path / "raw.zip", {f"../{number}": b"" for number in range(25)})
    with pytest.raises(InputError, match=r"'\.\./9' and 15 more\. "):
        open_raw(path)


# --- damage -----------------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk/.DS_Store").touch()
    (tmp_path / "page.zip").write_text("<html>404</html>" * 99)
    (tmp_path / "marked.zip").write_text("\ufeff<!DOCTYPE html>" * 99, encoding="utf-8")
    (tmp_path / "none.tar").touch()
    (tmp_path / "labels.csv.gz").write_bytes(gzip.compress(b"id,age\n" * 999))
    pack("zip", tmp_path / "nothing.zip", {})
    expected = {
        "missing": "does not exist. Check the path",
        "empty": "holds no files",
        "junk": "holds no files",
        "nothing.zip": "holds no files",
        "page.zip": "is a web page, not an archive",
        "marked.zip": "is a web page, not an archive",
        "none.tar": "is neither a folder nor an archive",
        "labels.csv.gz": "is neither a folder nor an archive",
    }
    for name, found in expected.items():
        with pytest.raises(InputError, match=f"^{tmp_path / name}: {found}") as caught:
            open_raw(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_without_permission_is_told_in_one_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = pack(kind, tmp_path / f"raw.{kind}", TREE)
    # The system's answer is played, because tests often run as root, whom no permission stops.
    monkeypatch.setattr("os.scandir", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=rf"^{path}: the system says: permission denied\. Check its permissions"):
        open_raw(path)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_cut_anywhere_is_refused_when_opened(kind: str, tmp_path: Path) -> None:
    tree = {f"{number}.bin": bytes([number]) * 700 * number for number in range(1, 8)}
    whole = pack(kind, tmp_path / f"raw.{kind}", tree).read_bytes()
    end = 512 * (7 + sum(-(-len(data) // 512) for data in tree.values())) if kind == "tar" else len(whole) - 1
    path = tmp_path / f"cut.{kind}"
    for length in sorted({*range(600, end, max(1, end // 50)), end - 1, end}):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=rf"^{path}: is (damaged or cut short|neither)"):
            open_raw(path)


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_tar_damaged_in_the_middle_is_not_taken_for_its_end(kind: str, tmp_path: Path) -> None:
    path = pack("tar", tmp_path / "raw.tar", {"a": bytes(700), "b": b"2", "c": b"3"})
    data = bytearray(path.read_bytes())
    data[512 + 1024 + 3] ^= 1  # in the header of b
    path = tmp_path / f"bad.{kind}"
    path.write_bytes(gzip.compress(data) if kind == "tar.gz" else data)
    with pytest.raises(InputError, match="damaged or cut short"):
        open_raw(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_member_with_a_wrong_checksum_is_refused_when_read(method: int, tmp_path: Path) -> None:
    data = b"hello" * 50
    packed = data
    if method == zipfile.ZIP_DEFLATED:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(data) + packer.flush()
    path = pack_zip_by_hand(tmp_path / "raw.zip", packed, size=len(data), crc=zlib.crc32(data) ^ 1, method=method)
    with open_raw(path) as raw:
        assert raw.size("x.bin") == len(data)
        with (
            raw.open("x.bin") as stream,
            pytest.raises(InputError, match=rf"^{path}!/x\.bin: is damaged or cut short .*\. Download or copy it"),
        ):
            stream.read()


@pytest.mark.parametrize(("size", "crc"), [(0, 1), (5, 0), (2000, None)])
def test_a_zip_member_whose_size_is_a_lie_is_refused_when_read(size: int, crc: int | None, tmp_path: Path) -> None:
    data = bytes(1000)
    path = pack_zip_by_hand(tmp_path / "raw.zip", data, size=size, crc=zlib.crc32(data) if crc is None else crc)
    with open_raw(path) as raw, pytest.raises(InputError, match="is damaged or cut short"), raw.open("x.bin") as stream:
        stream.read()


def test_a_broken_deflate_stream_is_refused_when_read(tmp_path: Path) -> None:
    path = pack_zip_by_hand(tmp_path / "raw.zip", b"\xff" * 99, size=500, method=zipfile.ZIP_DEFLATED)
    with open_raw(path) as raw, raw.open("x.bin") as stream, pytest.raises(InputError, match="is damaged"):
        stream.read(10)


def test_an_unknown_compression_is_refused_when_opened(tmp_path: Path) -> None:
    path = pack_zip_by_hand(tmp_path / "raw.zip", b"abc", size=3, method=98)
    with open_raw(path) as raw, pytest.raises(InputError, match=r"packed in a way .* Unpack it with another program"):
        raw.open("x.bin")


def test_a_tar_that_shrinks_between_listing_and_reading_is_refused_when_read(tmp_path: Path) -> None:
    path = pack("tar", tmp_path / "raw.tar", TREE)
    with open_raw(path) as raw:
        path.write_bytes(path.read_bytes()[:5000])
        with raw.open(MEMBER) as stream, pytest.raises(InputError, match=rf"^{path}!/.*: is damaged or cut short"):
            stream.read()


def test_a_file_that_vanishes_is_told_as_missing(tmp_path: Path) -> None:
    with open_raw(pack("folder", tmp_path, TREE)) as raw:
        (tmp_path / "a.txt").unlink()
        with pytest.raises(InputError, match=rf"^{tmp_path}/a\.txt: does not exist"):
            raw.size("a.txt")
        with pytest.raises(InputError, match=rf"^{tmp_path}/a\.txt: does not exist"):
            raw.open("a.txt")


@pytest.mark.parametrize("name", ["nothing", "z.zip!/nothing", "a.txt!/nothing", "z.zip!"])
def test_a_member_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    pack("zip", tmp_path / "z.zip", TREE)
    with open_raw(pack("folder", tmp_path, TREE)) as raw, pytest.raises(InputError, match=f"no member '{name}'"):
        raw.open(name)


def test_an_encrypted_zip_is_listed_but_not_read(tmp_path: Path) -> None:
    path = pack_zip_by_hand(tmp_path / "raw.zip", b"secret", size=6, crc=zlib.crc32(b"secret"))
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag that says encrypted, in the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the central one
    path.write_bytes(data)
    with open_raw(path) as raw:
        assert raw.members() == ["x.bin"]
        assert raw.size(raw.find("x.bin") or "") == 6
        with pytest.raises(InputError, match=rf"^{path}!/x\.bin: is encrypted\. Names and sizes need no password"):
            raw.open("x.bin")


def test_a_sparse_or_oversized_header_of_a_tar_is_refused(tmp_path: Path) -> None:
    huge = entry("x" * 200, size=0).tobuf(tarfile.GNU_FORMAT)
    fields = bytearray(huge[:512])  # the header that announces a long name, made to announce 7 GiB of it
    fields[124:136] = b"77777777777\0"
    fields[148:156] = b"        "
    fields[148:156] = b"%06o\0 " % sum(fields)
    path = tmp_path / "raw.tar"
    path.write_bytes(bytes(fields) + huge[512:] + bytes(1024))
    with pytest.raises(InputError, match="a header of 8,589,934,591 bytes"):
        open_raw(path)
    sparse = entry("x")
    sparse.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1"}
    with pytest.raises(InputError, match=r"packed in a way .*sparse"):
        open_raw(pack_tar(tmp_path / "sparse.tar", sparse))


def test_a_tar_whose_extended_header_lies_is_refused(tmp_path: Path) -> None:
    for key, value, found in [("size", "-512", "negative size"), ("path", "a\0b", "names that lead out")]:
        info = entry("x")
        info.pax_headers = {key: value}
        with pytest.raises(InputError, match=found):
            open_raw(pack_tar(tmp_path / f"{key}.tar", info))


def test_a_tar_gz_that_goes_on_after_its_end_is_refused(tmp_path: Path) -> None:
    path = pack("tar.gz", tmp_path / "raw.tar.gz", TREE)
    with path.open("ab") as file:
        file.write(gzip.compress(bytes(1 << 20)) * 20)
    with pytest.raises(InputError, match="goes on after its end mark"):
        open_raw(path)


def test_a_zip_bomb_gives_no_more_than_it_declares(tmp_path: Path) -> None:
    path = pack_zip_by_hand(tmp_path / "bomb.zip", deflated_zeros(64), size=4096, method=zipfile.ZIP_DEFLATED)
    with (
        open_raw(path) as raw,
        raw.open("x.bin") as stream,
        pytest.raises(InputError, match=r"bomb\.zip!/x\.bin: is damaged"),
    ):
        stream.read()


# --- law --------------------------------------------------------------------------------------------------------------

PARTS = st.text("abcz019 _-é.", max_size=6).map(lambda text: text + "x")  # no case, no trailing dot
NAMES = st.tuples(st.lists(PARTS.map(lambda part: f"d{part}"), max_size=3), PARTS.map(lambda part: f"f{part}"))
TREES = st.dictionaries(NAMES.map(lambda name: "/".join([*name[0], name[1]])), st.binary(max_size=2000), min_size=1)


@settings(max_examples=40, deadline=None)
@given(TREES, st.sampled_from(ARCHIVES))
def test_any_tree_comes_back_from_any_archive(tree: dict[str, bytes], kind: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = pack(kind, Path(name) / f"raw.{kind}", tree)
        with open_raw(path) as raw:
            assert contents(raw) == tree
