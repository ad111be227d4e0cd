# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host: what of them is not as wanted, and that they are written in one step, whenever a run is killed."""

from __future__ import annotations

import grp
import os
import pwd
import stat

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _files

ME = pwd.getpwuid(os.geteuid()).pw_name
MINE = grp.getgrgid(os.getegid()).gr_name
ROOT = os.geteuid() == 0


def entry(path, kind=_files.FILE, **changes) -> _files.Entry:
    values = {"owner": ME, "group": MINE, "mode": "0755" if kind == _files.FOLDER else "0644"}
    return _files.Entry(str(path), kind, **{**values, **changes})


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda path: None, ["missing"]),
        (lambda path: path.mkdir(), ["kind"]),
        (lambda path: path.symlink_to("/etc/hostname"), ["kind"]),
        (os.mkfifo, ["kind"]),
        (lambda path: path.write_bytes(b"other"), ["content"]),
        (lambda path: (path.write_bytes(b"text"), path.chmod(0o664)), ["mode"]),
        (lambda path: (path.write_bytes(b"text"), path.chmod(0o4644)), ["mode"]),
        (lambda path: (path.write_bytes(b"text"), path.chmod(0o644)), []),
    ],
)
def test_what_of_a_file_is_not_as_wanted_is_named_and_put_right(tmp_path, make, wrong):
    path = tmp_path / "f"
    make(path)
    wanted = entry(path, content=b"text")
    assert _files.differences(wanted) == wrong
    if wrong == ["kind"] and path.is_dir() and not path.is_symlink():
        with pytest.raises(OSError):
            _files.apply([wanted])
        assert os.listdir(tmp_path) == ["f"], "no draft stays"
        return
    _files.apply([wanted])
    assert _files.differences(wanted) == [] and path.read_bytes() == b"text" and os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(not ROOT, reason="gives files to others")
def test_a_file_of_somebody_else_differs_by_owner_and_group(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"text")
    os.chown(path, 1, 1)
    path.chmod(0o644)
    wanted = entry(path, content=b"text")
    assert _files.differences(wanted) == ["owner", "group"]
    assert _files.differences(entry(path, content=b"text", owner=None, group=None)) == []
    _files.apply([wanted])
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)


def test_secrets_are_known_by_a_digest(tmp_path):
    path, salt = tmp_path / "f", _digests.salt()
    path.write_bytes(b"key")
    path.chmod(0o600)
    for text, wrong in ((b"key", []), (b"another", ["content"])):
        assert _files.differences(entry(path, mode="0600", salt=salt, digest=_digests.digest(text, salt), secret=True)) == wrong
    with pytest.raises(_files.FilesError, match="was not sent"):
        _files.apply([entry(path, salt=salt, digest="0")])
    assert path.read_bytes() == b"key" and os.listdir(tmp_path) == ["f"]


def test_a_users_name_that_nobody_has_is_refused_before_anything_is_written(tmp_path):
    first, second = entry(tmp_path / "a", content=b"1"), entry(tmp_path / "b", content=b"2", owner="hq-nobody-there")
    assert _files.differences(second) == ["missing"]
    with pytest.raises(_files.FilesError, match="the user hq-nobody-there, and there is none"):
        _files.apply([first, second])
    assert os.listdir(tmp_path) == []


def test_folders_are_made_with_those_above_them(tmp_path):
    wanted = entry(tmp_path / "a/b/c", _files.FOLDER, mode="0700")
    assert _files.differences(wanted) == ["missing"]
    _files.apply([wanted])
    assert _files.differences(wanted) == [] and stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o755
    (tmp_path / "a/b/c").chmod(0o777)
    assert _files.differences(wanted) == ["mode"]
    _files.apply([wanted])
    assert stat.S_IMODE((tmp_path / "a/b/c").stat().st_mode) == 0o700


def test_a_folder_whose_owner_and_mode_are_others_stays_as_it_is(tmp_path):
    wanted = entry(tmp_path / "a", _files.FOLDER, owner=None, group=None, mode=None)
    _files.apply([wanted])
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    (tmp_path / "a").chmod(0o700)
    assert _files.differences(wanted) == []
    _files.apply([wanted])
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_a_link_in_a_folders_place_is_followed_if_root_made_it(tmp_path):
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "data").symlink_to("disk")
    wanted = entry(tmp_path / "data", _files.FOLDER, mode="0700")
    assert _files.differences(wanted) == ["mode"]
    _files.apply([wanted])
    assert (tmp_path / "data").is_symlink() and stat.S_IMODE((tmp_path / "disk").stat().st_mode) == 0o700
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    with pytest.raises(_files.FilesError, match="there is nothing"):
        _files.differences(wanted)
    (tmp_path / "data").unlink()
    (tmp_path / "data").write_text("x")
    assert _files.differences(wanted) == ["kind"]
    with pytest.raises(_files.FilesError, match="is no folder. Move it away"):
        _files.apply([wanted])


@pytest.mark.skipif(not ROOT, reason="makes a link of somebody else's")
def test_a_link_that_somebody_else_made_leads_nowhere(tmp_path):
    (tmp_path / "data").symlink_to("/etc")
    os.lchown(tmp_path / "data", 1, 1)
    for act in (_files.differences, lambda wanted: _files.apply([wanted])):
        with pytest.raises(_files.FilesError, match="made, not root"):
            act(entry(tmp_path / "data", _files.FOLDER, mode="0777"))
    assert stat.S_IMODE(os.stat("/etc").st_mode) == 0o755


def test_links_lead_where_they_should(tmp_path):
    wanted = entry(tmp_path / "current", _files.LINK, target="releases/2")
    assert _files.differences(wanted) == ["missing"]
    (tmp_path / "current").symlink_to("releases/1")
    assert _files.differences(wanted) == ["target"]
    _files.apply([wanted])
    assert os.readlink(tmp_path / "current") == "releases/2" and _files.differences(wanted) == [] and os.listdir(tmp_path) == ["current"]
    (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()
    assert _files.differences(wanted) == ["kind"]
    with pytest.raises(_files.FilesError, match="is a folder, and should be a link"):
        _files.apply([wanted])


def test_a_staged_link_takes_the_place_of_the_one_in_use(tmp_path):
    wanted = entry(tmp_path / "current", _files.LINK, staged=str(tmp_path / "next"))
    assert _files.differences(wanted) == [], "there is nothing to take"
    (tmp_path / "next").symlink_to("generations/1")
    assert _files.differences(wanted) == ["missing"]
    _files.apply([wanted])
    assert os.readlink(tmp_path / "current") == "generations/1" and os.listdir(tmp_path) == ["current"] and _files.differences(wanted) == []
    (tmp_path / "next").symlink_to("generations/2")
    assert _files.differences(wanted) == ["target"]
    _files.apply([wanted])
    assert os.readlink(tmp_path / "current") == "generations/2" and os.listdir(tmp_path) == ["current"]


def test_what_should_not_be_there_is_removed_unless_it_is_a_folder(tmp_path):
    wanted = entry(tmp_path / "old", _files.ABSENT)
    assert _files.differences(wanted) == []
    (tmp_path / "old").write_text("x")
    assert _files.differences(wanted) == ["unwanted"]
    _files.remove([wanted])
    assert os.listdir(tmp_path) == []
    (tmp_path / "old").mkdir()
    with pytest.raises(OSError):
        _files.remove([wanted])
    assert (tmp_path / "old").is_dir()


@pytest.mark.parametrize("killed_at", ["fsync", "fchown", "replace", "second replace"])
def test_a_run_that_is_killed_leaves_old_files_or_new_ones_and_the_next_one_clears_up(tmp_path, monkeypatch, killed_at):
    """Killed while files are written, all are the old ones; killed between two renames, each is one or the other; never is one half written."""
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
        (tmp_path / name).chmod(0o644)
    wanted = [entry(tmp_path / name, content=b"new") for name in "ab"]
    real, calls = {name: getattr(os, name) for name in ("fsync", "fchown", "replace")}, []

    class Killed(BaseException):
        """What no handler of errors sees."""

    def kill(name):
        def fails(*arguments):
            calls.append(name)
            if name == killed_at or (killed_at == "second replace" and calls.count("replace") == 2):
                raise Killed
            return real[name](*arguments)

        return fails

    for name in real:
        monkeypatch.setattr(_files.os, name, kill(name))
    monkeypatch.setattr(_files.os, "unlink", lambda _path: None)  # nothing clears up after a kill
    with pytest.raises(Killed):
        _files.apply(wanted)
    monkeypatch.undo()
    found = [(tmp_path / name).read_bytes() for name in "ab"]
    assert found == ([b"new", b"old"] if killed_at == "second replace" else [b"old", b"old"])
    assert len(os.listdir(tmp_path)) > 2, "drafts were left"
    _files.apply(wanted)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"] and [(tmp_path / name).read_bytes() for name in "ab"] == [b"new", b"new"]


def test_a_draft_has_its_mode_from_the_first_byte(tmp_path, monkeypatch):
    seen = []
    real = os.fchmod
    monkeypatch.setattr(
        _files.os, "fchmod", lambda handle, mode: (seen.append((os.fstat(handle).st_size, stat.S_IMODE(os.fstat(handle).st_mode))), real(handle, mode))
    )
    _files.atomic_write(str(tmp_path / "f"), b"text", 0o640)
    assert seen == [(0, 0o600)] and stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_only_drafts_of_the_same_file_are_cleared_up(tmp_path):
    others = {".f.conf.hardened-qdrant", "g", ".g.abc12345.hardened-qdrant", ".f.left"}
    for name in others | {".f.abc12345.hardened-qdrant"}:
        (tmp_path / name).write_text("x")
    _files.atomic_write(str(tmp_path / "f"), b"text")
    assert set(os.listdir(tmp_path)) - {"f"} == others - {".f.conf.hardened-qdrant"}


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "target").write_text("text")
    (tmp_path / "f").symlink_to("target")
    _files.atomic_write(str(tmp_path / "f"), b"new")
    assert (tmp_path / "target").read_text() == "text" and not (tmp_path / "f").is_symlink()


def test_a_long_file_is_not_shown(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * (_files.SHOWN + 1))
    assert "not shown" in _files.text(str(tmp_path / "f")) and _files.text(str(tmp_path / "none")) == ""
