"""Files: written whole or not at all, through links, into pipes and devices; what is there keeps mode and owner."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seprank.system.files import (
    FileError,
    check_folder,
    check_writable,
    existing_file,
    read_json,
    read_whole,
    write_whole,
)


def device(path: Path, number: tuple[int, int]) -> Path:
    """A character device of our own: 1, 3 takes everything, 1, 7 is always full."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(*number))
    except PermissionError:
        pytest.skip("only root makes devices")
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    made = write_whole(tmp_path / "new" / "a.txt", "text")
    assert (made.read_text(), made.stat().st_mode) == ("text", plain.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_what_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(mode)
    before = path.stat()
    write_whole(path, lambda draft: draft.write_bytes(b"new"))
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.stat().st_ino != before.st_ino


def test_a_draft_of_a_private_file_is_private(tmp_path: Path) -> None:
    path, seen = tmp_path / "a.txt", []
    path.write_text("old")
    path.chmod(0o600)
    write_whole(path, lambda draft: (seen.append(stat.S_IMODE(draft.stat().st_mode)), draft.write_text("new")))
    assert seen == [0o600]


def test_what_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    try:
        os.chown(path, 12345, 54321)
    except PermissionError:
        pytest.skip("only root gives files away")
    write_whole(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid, path.read_text()) == (12345, 54321, "new")


def test_links_stay_and_what_they_point_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "target"
    target.write_text("old")
    (tmp_path / "link").symlink_to("there/target")
    (tmp_path / "second").symlink_to("link")
    (tmp_path / "dangling").symlink_to("there/none")
    for name in ("link", "second", "dangling"):
        write_whole(tmp_path / name, f"by {name}")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_text() == f"by {name}"
    assert target.read_text() == "by second"
    assert names(tmp_path / "there") == {"target", "none"}


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    null = device(tmp_path / "null", (1, 3))
    (tmp_path / "link").symlink_to("null")
    for path in (null, tmp_path / "link"):
        before = path.stat()
        write_whole(path, "gone")
        assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)
    assert names(tmp_path) == {"null", "link"}


def test_a_full_device_is_said(tmp_path: Path) -> None:
    full = device(tmp_path / "full", (1, 7))
    with pytest.raises(FileError, match="full cannot be written: No space left on device"):
        write_whole(full, "text")
    assert stat.S_ISCHR(full.stat().st_mode)


def test_a_pipe_gets_all_of_it(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    # Somebody has the pipe open whenever the writer looks; the thread's own opening waits for the writer.
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_whole(pipe, "x" * 200_000)
    reader.join(30)
    os.close(held)
    assert read == ["x" * 200_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match=r"nobody reads the pipe .* start its reader first, or give a file"):
        write_whole(pipe, "text")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


PRINTS = """
from seprank.system.files import write_whole
print("before")
write_whole("{path}", "middle\\n")
print("after")
"""


def test_the_standard_output_is_written_in_order(tmp_path: Path) -> None:
    """By a link to the descriptor, as the system's own name for it is one; to a pipe and to a file."""
    link = tmp_path / "out"
    link.symlink_to("/proc/self/fd/1")
    program = [sys.executable, "-c", PRINTS.format(path=link)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout == "before\nmiddle\nafter\n"
    with (tmp_path / "file").open("w") as file:
        subprocess.run(program, stdout=file, check=True)
    assert (tmp_path / "file").read_text() == "before\nmiddle\nafter\n"
    assert link.is_symlink()


@pytest.mark.parametrize("write", ["text", lambda draft: draft.write_text("text")])
def test_folders_loops_and_files_as_folders_are_refused(tmp_path: Path, write: object) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "loop").symlink_to("loop")
    before = names(tmp_path)
    for path, message in [
        (tmp_path, "is a folder; give the name of a file"),
        (tmp_path / "file" / "a", "cannot be written: "),
        (tmp_path / "loop", "cannot be written: Too many levels"),
        (tmp_path / ("a" * 300), "cannot be written: File name too long"),
    ]:
        for refuse in (lambda path: write_whole(path, write), check_writable):
            with pytest.raises(FileError, match=message):
                refuse(path)
    with pytest.raises(FileError, match=r"cannot be a folder: .*file is a file"):
        check_folder(tmp_path / "file" / "new")
    check_folder(tmp_path / "new" / "folder")
    assert names(tmp_path) == before


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def breaks(draft: Path) -> None:
        draft.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, breaks)
    assert (names(tmp_path), path.read_text()) == ({"a.txt"}, "old")


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    assert write_whole(tmp_path / ("a" * 255), "text").read_text() == "text"


def test_what_is_read_is_said_in_one_wording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seprank.system.files._PATIENCE", 0.2)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "half").write_text('{"a": ')
    (tmp_path / "large").write_bytes(bytes(100))
    for path, message in [("none", "there is no file .*none"), (".", "is a folder"), ("pipe", "nobody has written")]:
        with pytest.raises(FileError, match=message):
            read_whole(tmp_path / path)
    with pytest.raises(FileError, match="is not a regular file"):
        existing_file(tmp_path / "pipe")
    with pytest.raises(FileError, match="larger than 99 bytes"):
        read_whole(tmp_path / "large", most=99)
    assert len(read_whole(tmp_path / "large", most=100)) == 100
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "deep")
    with pytest.raises(ValueError, match=r"is not JSON .* is the file complete"):
        read_json(tmp_path / "half")
