# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's files, with real ones: through no symlink, in no folder of others, whole or as they were. Users need root to be changed."""

from __future__ import annotations

import ast
import os
import pwd
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files

PROJECT = Path(__file__).parents[4]
NOBODY = pwd.getpwnam("nobody").pw_uid
OTHER = 4711  # a user who has no name
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if _files.TEMPORARY.fullmatch(path.name))


def start(work: str, *words: object) -> subprocess.Popen:
    """A process of its own that runs these lines, with ``words`` in sys.argv."""
    lines = "import os, sys\nfrom pathlib import Path\nfrom ansible_collections.hardened.qdrant.plugins.plugin_utils import _files\n" + textwrap.dedent(work)
    return subprocess.Popen([sys.executable, "-c", lines, *map(str, words)], stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """What a process ended with and said."""
    said = process.communicate(timeout=60)[0]
    return process.returncode, said


# --- writing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("wanted", [0o600, 0o644])
def test_a_file_has_its_mode_and_folders_are_made(tmp_path, umask, wanted):
    before = os.umask(umask)
    try:
        _files.write(tmp_path / "file", "text", wanted)
        _files.write(tmp_path / "a/b/file", b"\x00\xff", wanted, 0o700)
        _files.write(tmp_path / "open/file", "text", wanted)
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == wanted and (tmp_path / "file").read_text() == "text"
    assert mode(tmp_path / "a") == mode(tmp_path / "a/b") == 0o700 and mode(tmp_path / "a/b/file") == wanted
    assert (tmp_path / "a/b/file").read_bytes() == b"\x00\xff" and mode(tmp_path / "open") == 0o755 & ~umask
    assert not left(tmp_path)


def test_the_mode_is_right_from_the_first_byte(tmp_path, monkeypatch):
    """Whenever something is written, what is on the disk has the mode that it should have."""
    seen = []
    real = os.fsync

    def fsync(descriptor):
        seen.append((os.fstat(descriptor).st_size, stat.S_IMODE(os.fstat(descriptor).st_mode)))
        real(descriptor)

    made = []
    real_open = os.open

    def opened(path, flags, *arguments, **named):
        descriptor = real_open(path, flags, *arguments, **named)
        if flags & os.O_CREAT:
            made.append((flags & os.O_EXCL, flags & os.O_NOFOLLOW, stat.S_IMODE(os.fstat(descriptor).st_mode)))
        return descriptor

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "open", opened)
    _files.write(tmp_path / "file", "secret", 0o600)
    assert made == [(os.O_EXCL, os.O_NOFOLLOW, 0o600)] and seen[0] == (6, 0o600) and len(seen) == 2, "the file, then its folder"


def test_what_is_there_is_replaced_with_its_mode_and_other_names_of_it_are_left(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o666)
    os.link(path, tmp_path / "other")
    _files.write(path, "new", 0o600)
    assert path.read_text() == "new" and mode(path) == 0o600 and (tmp_path / "other").read_text() == "old"


def test_a_killed_write_leaves_the_old_content_and_the_next_one_cleans_up(tmp_path):
    path = tmp_path / "file"
    _files.write(path, "old", 0o600)
    killed = """
        os.rename = lambda *_arguments, **_named: os._exit(7)
        _files.write(sys.argv[1], "new", 0o600)
    """
    assert ended(start(killed, path))[0] == 7
    assert path.read_text() == "old" and len(left(tmp_path)) == 1 and mode(tmp_path / left(tmp_path)[0]) == 0o600
    _files.write(tmp_path / "another", "new", 0o600)
    assert path.read_text() == "old" and not left(tmp_path)


def test_what_fails_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    _files.write(path, "old", 0o600)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(_files.FileError, match="file is not written: No space left on device"):
            _files.write(path, "new", 0o600)
    assert path.read_text() == "old" and not left(tmp_path)


def test_another_run_that_writes_at_the_same_time_is_not_disturbed(tmp_path, monkeypatch):
    """A write that is held before its rename is whole when it goes on, though another one went through the folder meanwhile."""
    reached, go_on, real = threading.Event(), threading.Event(), os.rename

    def rename(*arguments, **named):
        if threading.current_thread() is slow:
            reached.set()
            assert go_on.wait(20)
        real(*arguments, **named)

    monkeypatch.setattr(os, "rename", rename)
    slow = threading.Thread(target=_files.write, args=(tmp_path / "file", "slow", 0o600))
    slow.start()
    assert reached.wait(20)
    _files.write(tmp_path / "file", "fast", 0o600)
    assert (tmp_path / "file").read_text() == "fast" and len(left(tmp_path)) == 1
    go_on.set()
    slow.join()
    assert (tmp_path / "file").read_text() == "slow" and not left(tmp_path)


def test_many_writers_leave_one_whole_file(tmp_path):
    texts = [str(number) * 20000 for number in range(4)]
    work = """
        for _round in range(40):
            _files.write(sys.argv[1], sys.argv[2], 0o600)
    """
    processes = [start(work, tmp_path / "file", text) for text in texts]
    assert [ended(process)[0] for process in processes] == [0] * 4 and (tmp_path / "file").read_text() in texts and not left(tmp_path)


# --- symlinks and other things that are no file ---------------------------------------------------------------------------


@pytest.mark.parametrize("work", [_files.look, _files.read, _files.remove, lambda path: _files.write(path, "new", 0o600)])
@pytest.mark.parametrize("kind", ["symlink", "dangling", "folder", "pipe"])
def test_what_is_no_file_is_refused_by_name(tmp_path, work, kind):
    path, target = tmp_path / "file", tmp_path / "target"
    if kind == "symlink":
        target.write_text("theirs")
    if kind in ("symlink", "dangling"):
        path.symlink_to(target)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    expected = {"folder": "it is a folder", "pipe": "it is no regular file"}.get(kind, f"it is a symlink, to {target}")
    with pytest.raises(_files.FileError, match=f"^{path} is not .*: {expected}"):
        work(path)
    assert os.path.lexists(path) and (not target.exists() or target.read_text() == "theirs") and not left(tmp_path)


def test_a_symlink_of_ones_own_on_the_way_is_followed(tmp_path):
    (tmp_path / "real/deep").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(tmp_path / "real")
    (tmp_path / "relative").symlink_to("real/../real/./deep/")
    (tmp_path / "missing").symlink_to("real/new")
    _files.write(tmp_path / "absolute/one", "1", 0o600)
    _files.write(tmp_path / "relative/two", "2", 0o600)
    _files.write(tmp_path / "missing/three", "3", 0o600)
    assert (tmp_path / "real/one").read_text() == "1" and (tmp_path / "real/deep/two").read_text() == "2"
    assert _files.read(tmp_path / "missing/three") == b"3" and _files.remove(tmp_path / "missing/three") and not _files.remove(tmp_path / "missing/three")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(_files.FileError, match="loop is one of too many symlinks"):
        _files.write(tmp_path / "loop/file", "", 0o600)
    (tmp_path / "up").symlink_to("/")
    with pytest.raises(_files.FileError, match="is no folder"):
        _files.write(tmp_path / "up/proc/self/comm/file", "", 0o600)


@as_root
def test_a_symlink_of_another_on_the_way_is_refused(tmp_path):
    """As in /tmp, where everyone can make one by the name that somebody is about to use."""
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    victim.mkdir()
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "report").symlink_to(victim)
    os.chown(shared / "report", NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(_files.FileError, match="shared/report is a symlink of nobody, who could let it lead elsewhere"):
        _files.write(shared / "report/report.html", "", 0o600)
    assert not list(victim.iterdir())


def test_the_way_of_a_symlink_is_judged_too(tmp_path):
    loose = tmp_path / "loose"
    (loose / "inner").mkdir(parents=True)
    loose.chmod(0o777)
    (tmp_path / "link").symlink_to(loose / "inner")
    with pytest.raises(_files.FileError, match="loose may be written by everyone"):
        _files.write(tmp_path / "link/file", "", 0o600)


# --- folders of others ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits, refused", [(0o777, True), (0o775, True), (0o757, True), (0o1777, True), (0o755, False), (0o700, False), (0o2755, False)])
def test_the_folder_of_a_file_is_nobody_elses_to_write(tmp_path, monkeypatch, bits, refused):
    monkeypatch.setattr(_files, "_own_group", lambda _gid: False)
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(bits)
    if not refused:
        _files.write(folder / "file", "", 0o600)
        return
    # Nobody should be told to close /tmp.
    remedy = "Name a path in a folder of your own" if bits & 0o1000 else "Take that away .chmod g"
    for work in (_files.look, _files.remove, lambda path: _files.write(path, "", 0o600)):
        with pytest.raises(_files.FileError, match=rf"{folder} may be written by .* \(mode {bits:04o}\). {remedy}"):
            work(folder / "file")
    assert not list(folder.iterdir())


@pytest.mark.parametrize("bits, refused", [(0o777, True), (0o1777, False), (0o755, False)])
def test_on_the_way_others_may_add_but_not_replace(tmp_path, bits, refused):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(bits)
    if refused:
        with pytest.raises(_files.FileError, match="shared may be written by everyone"):
            _files.write(shared / "new/file", "", 0o600)
        assert not list(shared.iterdir())
    else:
        _files.write(shared / "new/file", "", 0o600)
        assert (shared / "new/file").exists()


@as_root
@pytest.mark.parametrize("owner, name", [(NOBODY, "nobody"), (OTHER, "the user %d" % OTHER)])
def test_a_folder_of_another_is_refused(tmp_path, owner, name):
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    os.chown(folder, owner, owner)
    for path in (folder / "file", folder / "inner/file"):
        with pytest.raises(_files.FileError, match=rf"{folder} belongs to {name}, who may write it. Give it to root \(chown\)"):
            _files.write(path, "", 0o600)
    assert sorted(path.name for path in folder.iterdir()) == ["inner"]
    folder.chmod(0o1777)
    with pytest.raises(_files.FileError, match="belongs to"):
        _files.write(folder / "inner/file", "", 0o600)


@as_root
def test_who_became_root_by_sudo_works_in_folders_of_his_own(tmp_path, monkeypatch):
    os.chown(tmp_path, NOBODY, NOBODY)
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    _files.write(tmp_path / "file", "", 0o600)
    for value in ("0", "", "x", str(OTHER)):
        monkeypatch.setenv("SUDO_UID", value)
        with pytest.raises(_files.FileError, match="belongs to nobody"):
            _files.write(tmp_path / "file", "", 0o600)


@as_root
def test_somebody_else_than_root(monkeypatch):
    """Who is not root takes root's folders and his own, whatever an environment says of sudo, and is told what he may not do."""
    folder = Path("/tmp/hardened-qdrant-test-%d" % os.getpid())
    folder.mkdir()
    try:
        os.chown(folder, NOBODY, NOBODY)
        (folder / "passed").mkdir(mode=0o711)  # root's, to pass but not to list
        (folder / "passed/mine").mkdir()
        os.chown(folder / "passed/mine", NOBODY, NOBODY)
        (folder / "closed").mkdir(mode=0o700)
        (folder / "theirs").mkdir()
        os.chown(folder / "theirs", OTHER, OTHER)
        monkeypatch.setenv("SUDO_UID", str(OTHER))
        # The imports come first: the checkout may be root's alone.
        work = """
            os.setgroups([])
            os.setresgid(*[int(sys.argv[2])] * 3)
            os.setresuid(*[int(sys.argv[2])] * 3)
            folder = Path(sys.argv[1])
            for path in (folder / "passed/mine/file", folder / "new/file", folder / "passed/file", folder / "theirs/file", folder / "closed/file"):
                try:
                    _files.write(path, "text", 0o600)
                    print("written and read:", _files.read(path))
                except _files.FileError as error:
                    print(error)
        """
        code, said = ended(start(work, folder, NOBODY))
        said = said.splitlines()
        assert code == 0 and said[:2] == ["written and read: b'text'"] * 2
        assert "Permission denied" in said[2] and "theirs belongs to the user %d" % OTHER in said[3] and "Permission denied" in said[4]
        assert (folder / "new/file").stat().st_uid == NOBODY and mode(folder / "new/file") == 0o600
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def group(name, gid, members=()):
    return type("Group", (), {"gr_name": name, "gr_gid": gid, "gr_mem": list(members)})()


@as_root
@pytest.mark.parametrize(
    "name, members, primary, accepted",
    [
        ("anna", [], ["anna"], True),
        ("anna", ["anna"], ["anna"], True),
        ("anna", ["bert"], ["anna"], False),
        ("anna", ["gone"], ["anna"], False),
        ("anna", [], ["anna", "bert"], False),
        ("anna", [], [], False),
        ("users", [], ["anna"], False),
    ],
)
def test_a_group_of_ones_own_may_write(tmp_path, monkeypatch, name, members, primary, accepted):
    """Where a user's group is of his name and his alone, folders are made with mode 0775."""
    uids = {"anna": os.geteuid(), "bert": OTHER}
    gid = 5000
    users = {user: type("User", (), {"pw_name": user, "pw_uid": uid, "pw_gid": gid if user in primary else 1}) for user, uid in uids.items()}
    monkeypatch.setattr(_files.grp, "getgrgid", lambda _gid: group(name, gid, members))
    monkeypatch.setattr(_files.pwd, "getpwnam", users.__getitem__)
    monkeypatch.setattr(_files.pwd, "getpwuid", lambda uid: next(user for user in users.values() if user.pw_uid == uid))
    monkeypatch.setattr(_files.pwd, "getpwall", lambda: list(users.values()))
    folder = tmp_path / "folder"
    folder.mkdir()
    os.chown(folder, -1, gid)
    folder.chmod(0o775)
    if accepted:
        _files.write(folder / "file", "", 0o600)
        (folder / "file").chmod(0o664)
        os.chown(folder / "file", -1, gid)
        assert _files.read(folder / "file") == b""
        # A list may let others in by the same bits.
        monkeypatch.setattr(_files, "_access_list", lambda _descriptor: True)
    with pytest.raises(_files.FileError, match=f"folder may be written by the group {name}"):
        _files.write(folder / "file", "", 0o600)


# --- while somebody changes the folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", range(1, 12))
def test_nothing_is_written_outside_when_a_folder_becomes_a_symlink(tmp_path, monkeypatch, call):
    """Before each of the calls that open something, the folder is replaced by a symlink elsewhere."""
    folder, aside, victim = tmp_path / "in/folder", tmp_path / "aside", tmp_path / "victim"
    folder.mkdir(parents=True)
    victim.mkdir()
    (victim / "file").write_text("theirs")
    parts = len(folder.parts)
    calls = 0
    real = os.open

    def opened(path, flags, *arguments, **named):
        nonlocal calls
        if not isinstance(path, int) and named.get("dir_fd") is not None:
            calls += 1
            if calls == parts - 3 + call and folder.is_dir() and not folder.is_symlink():
                folder.rename(aside)
                folder.symlink_to(victim)
                # Not root's, for else whoever can do this is trusted.
                os.chown(folder, OTHER, OTHER, follow_symlinks=False) if os.geteuid() == 0 else None
        return real(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", opened)
    try:
        _files.write(folder / "file", "ours", 0o600)
    except _files.FileError as error:
        assert "is a symlink of the user %d" % OTHER in str(error)
    assert [path.name for path in victim.iterdir()] == ["file"] and (victim / "file").read_text() == "theirs"


def test_nothing_is_written_outside_while_the_file_flips(tmp_path):
    """In the file's place there is a symlink, a file or nothing, from moment to moment."""
    path, victim, over = tmp_path / "file", tmp_path / "victim", threading.Event()
    victim.write_text("theirs")

    def flip():
        while not over.is_set():
            spare = tmp_path / "spare"
            spare.symlink_to(victim)
            os.replace(spare, path)

    thread = threading.Thread(target=flip)
    thread.start()
    written = 0
    try:
        for _round in range(200):
            try:
                _files.write(path, "ours", 0o600)
                written += 1
            except _files.FileError as error:
                assert "symlink" in str(error)
    finally:
        over.set()
        thread.join()
    assert victim.read_text() == "theirs"


# --- reading ----------------------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_none(tmp_path):
    assert _files.look(tmp_path / "file") is None and _files.read(tmp_path / "no/folder/file") is None and not _files.remove(tmp_path / "no/file")
    assert not list(tmp_path.iterdir())


def test_a_file_that_others_may_write_is_seen_but_not_read(tmp_path):
    path = tmp_path / "file"
    _files.write(path, "text", 0o600)
    assert _files.look(path) == _files.File(b"text", 0o600) and _files.look(path).private
    path.chmod(0o644)
    assert not _files.look(path).private and _files.read(path) == b"text"
    path.chmod(0o666)
    found = _files.look(path)
    assert found.data == b"text" and not found.private
    with pytest.raises(_files.FileError, match="file is not read: .* may be written by everyone"):
        _files.read(path)
    if os.geteuid() == 0:
        path.chmod(0o600)
        os.chown(path, OTHER, OTHER)
        assert not _files.look(path).private
        with pytest.raises(_files.FileError, match="belongs to the user %d" % OTHER):
            _files.read(path)
        _files.write(path, "ours", 0o600)
        assert path.stat().st_uid == 0


@pytest.mark.parametrize("path", ["/", "", "a\x00b", "\ud800"])
def test_paths_that_are_none(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for work in (_files.look, _files.remove, lambda name: _files.write(name, "", 0o600)):
        with pytest.raises(_files.FileError):
            work(path)


@pytest.mark.parametrize("name", ["", ".", "..", "../x.csr", "/etc/x.csr", "a/b.csr", "...csr", ".hidden.csr", "a\nb.csr", "a\x00.csr", "a\u202eb.csr"])
def test_a_hosts_name_does_not_lead_elsewhere(name):
    with pytest.raises(_files.FileError, match="is no name for a file in /srv"):
        _files.inside("/srv", name)


@pytest.mark.parametrize("name", ["node1.csr", "a..b.csr", "2001:db8::1.crt", "node-1.example.com.challenges.json"])
def test_a_hosts_name_names_a_file(name):
    assert _files.inside("/srv", name) == "/srv/" + name


# --- the one way ------------------------------------------------------------------------------------------------------------

# What opens, makes or moves files; by the name of the function, whatever it is called on.
WRITERS = {"write_text", "write_bytes", "mkdir", "makedirs", "mkstemp", "mkdtemp", "NamedTemporaryFile", "rename", "replace_file", "chmod", "unlink", "rmtree"}


def writers(source: str) -> set[str]:
    """The calls of a source that write files."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = [word.value for word in (*node.args, *(entry.value for entry in node.keywords)) if isinstance(word, ast.Constant)]
        on = node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
        opened = called == "open" and (on == "os" or any(isinstance(word, str) and set(word) & set("wax+") and len(word) < 4 for word in words))
        if called in WRITERS or opened or (on == "os" and called in ("replace", "link", "symlink", "remove")):
            found.add(called)
    return found


def test_there_is_one_way_to_write_on_the_controller():
    assert writers("open(x, 'w'); os.replace(a, b); p.write_text(q); p.open('ab')") == {"open", "replace", "write_text"}
    assert writers("open(x, 'rb'); text.replace(a, b); datetime.replace(tzinfo=x)") == set()
    places = [path for kind in ("action", "plugin_utils", "filter", "lookup", "test", "callback") for path in (PROJECT / "plugins" / kind).rglob("*.py")]
    found = {str(path): writers(path.read_text(encoding="utf-8")) for path in places if path.name != "_files.py"}
    assert len(found) > 30 and {name: calls for name, calls in found.items() if calls} == {}


def test_the_interpreter_has_what_it_needs():
    assert sys.version_info >= (3, 11) and os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and os.mkdir in os.supports_dir_fd
