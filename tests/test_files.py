"""What stands at a path when a file is written there."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gradflow.files import written_whole

fcntl = pytest.importorskip("fcntl")
ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, modes and pipes of POSIX")


def write(*paths, content="new"):
    with written_whole(*paths) as temporaries:
        for each in temporaries:
            each.write_text(content)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(autouse=True)
def _usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_file_has_the_usual_mode(tmp_path):
    write(tmp_path / "new")
    assert mode_of(tmp_path / "new") == 0o644
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_that_is_there_keeps_its_mode_and_is_never_open_to_more(mode, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    with written_whole(path) as (temporary,):
        assert mode_of(temporary) == mode
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert (path.read_text(), mode_of(path)) == ("new", mode)


@pytest.mark.parametrize("exists", [True, False])
def test_links_are_followed_through_links_and_folders(exists, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target"
    if exists:
        target.write_text("old")
    (tmp_path / "second").symlink_to(target)
    (tmp_path / "first").symlink_to("second")
    write(tmp_path / "first")
    assert target.read_text() == "new"
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "second").is_symlink()


def test_a_circle_of_links_is_an_os_error(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match=r"symbolic links"):
        write(tmp_path / "one")


def test_what_is_no_file_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for path in (tmp_path / "fifo", tmp_path / "link"):
        with pytest.raises(OSError, match="must be a regular file or a new one"):
            write(path)
    with pytest.raises(IsADirectoryError, match="got the folder"):
        write(tmp_path)
    assert stat.S_ISFIFO(os.stat(tmp_path / "fifo").st_mode)
    assert sorted(os.listdir(tmp_path)) == ["fifo", "link"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(PermissionError):
        write(tmp_path / "file")


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_several_files_are_replaced_together_or_not_at_all(error, tmp_path):
    paths = tmp_path / "a", tmp_path / "b"
    write(*paths, content="old")

    def fail():
        with written_whole(*paths) as (first, _):
            first.write_text("new")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert [path.read_text() for path in paths] == ["old", "old"]
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


KILLED = """
import os, signal, sys
from pathlib import Path
from gradflow.files import written_whole
with written_whole(Path(sys.argv[1])) as (temporary,):
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def leftover(tmp_path):
    """The temporary of a process that was killed while it wrote."""
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "old"], check=False, cwd=ROOT)
    (name,) = os.listdir(tmp_path)
    assert name.endswith(".part")
    return tmp_path / name


@pytest.mark.parametrize("name", ["old", "another"])
def test_what_a_killed_process_left_is_cleared_by_the_next_file_beside_it(name, leftover, tmp_path):
    write(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_what_somebody_is_writing_is_left_alone(tmp_path):
    with written_whole(tmp_path / "slow") as (temporary,):
        write(tmp_path / "fast", tmp_path / "second")
        temporary.write_text("slow")
    assert sorted(os.listdir(tmp_path)) == ["fast", "second", "slow"]


def test_only_what_is_named_like_a_temporary_is_cleared(tmp_path):
    others = {".part", "mine.part", f"{32 * 'a'}.part", f".{32 * 'g'}.part", f".{32 * 'a'}.part.txt"}
    for name in others:
        (tmp_path / name).write_text("somebody's")
    (tmp_path / f".{32 * 'b'}.part").mkdir()
    write(tmp_path / "new")
    assert set(os.listdir(tmp_path)) == others | {"new", f".{32 * 'b'}.part"}


def test_a_leftover_that_is_taken_before_it_is_held_is_made_again(tmp_path, monkeypatch):
    """Another process may clear the folder between the making of the file and the holding of it."""
    real, taken = fcntl.flock, []

    def slow(descriptor, operation):
        if not taken:
            taken.append(next(tmp_path.glob(".*.part")))
            taken[0].unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", slow)
    write(tmp_path / "new")
    assert (tmp_path / "new").read_text() == "new"
    assert len(taken) == 1


def test_without_locks_files_are_written_and_nothing_is_cleared(leftover, tmp_path, monkeypatch):
    def fails(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", fails)
    write(tmp_path / "new")
    assert sorted(os.listdir(tmp_path)) == sorted(["new", leftover.name])


MANY = """
import resource, sys
from pathlib import Path
from gradflow.files import written_whole
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
with written_whole(*(Path(sys.argv[1], str(number)) for number in range(200))) as temporaries:
    for temporary in temporaries:
        temporary.write_text("new")
"""


def test_more_files_are_written_together_than_may_be_open_at_once(tmp_path):
    subprocess.run([sys.executable, "-c", MANY, tmp_path], check=True, cwd=ROOT)
    assert sorted(os.listdir(tmp_path), key=int) == [str(number) for number in range(200)]
