# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _weaknesses
from ansible_collections.hardened.qdrant.tests.testbed.bed import artefact, cli, server, server_image
from ansible_collections.hardened.qdrant.tests.testbed.bed.shell import Failure

_PROJECT = Path(__file__).resolve().parents[3]


def _saying(path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of this machine that says this for --version, as far as the test bed can see."""
    shutil.copy(shutil.which("true") or "/bin/true", path)
    monkeypatch.setattr(server, "_ask", lambda asked: text if asked == path else "")
    return path


def test_without_a_word_it_is_the_pinned_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(server.VARIABLE, raising=False)
    monkeypatch.setattr(artefact, "ensure", lambda wanted=artefact.QDRANT: Path("/cache/qdrant"))
    assert server.at_hand() == server.Server(Path("/cache/qdrant"), artefact.QDRANT.version, artefact.QDRANT.sha256)
    monkeypatch.setattr(artefact, "ensure", lambda wanted=artefact.QDRANT: pytest.fail("its version is known without it"))
    assert server.version() == artefact.QDRANT.version


def test_a_file_says_itself_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    path = _saying(tmp_path / "qdrant", "qdrant 1.19.0", monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(server.VARIABLE, "qdrant")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert server.at_hand() == server.Server(path, "1.19.0", digest)
    assert cli.main(["server"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path), "version": "1.19.0", "sha256": digest, "advisories": _weaknesses.own().of((1, 19, 0))}
    assert cli.main(["artefact"]) == 0 and capsys.readouterr().out == f"{path}\n"
    assert cli.main(["server", "--version"]) == 0 and capsys.readouterr().out == "1.19.0\n"


def test_what_is_known_of_a_version_is_what_the_collection_knows() -> None:
    for version in ((1, 16, 3), (1, 18, 2), (1, 19, 0)):
        assert server.advisories("%d.%d.%d" % version) == _weaknesses.own().of(version)


@pytest.mark.parametrize("said", ["", "qdrant", "qdrant 1.19", "qdrant 1.19.0-dev", "qdrant-edge 1.19.0", "ls (GNU coreutils) 9.1", "qdrant 1.19.0\nand more"])
def test_another_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    with pytest.raises(Failure, match="--version says .* give the server of a release"):
        server.version_of(_saying(tmp_path / "qdrant", said, monkeypatch))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="missing is not there: give the path"):
        server.version_of(tmp_path / "missing")
    with pytest.raises(Failure, match="is a folder: give the path"):
        server.version_of(tmp_path)


@pytest.mark.parametrize(("mode", "unpack"), [("w:gz", "tar -xzf"), ("w:xz", "tar -xJf"), ("w:bz2", "tar -xjf"), ("w", "tar -xf")])
def test_an_archive_is_refused_with_what_unpacks_it(tmp_path: Path, mode: str, unpack: str) -> None:
    path = tmp_path / "qdrant"
    with tarfile.open(path, mode) as archive:
        archive.add(shutil.which("true") or "/bin/true", "qdrant")
    with pytest.raises(Failure, match=f"is an archive: unpack it \\({unpack} {path}\\) and give the file qdrant in it"):
        server.version_of(path)


def test_what_cannot_run_here_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "qdrant"
    path.write_text("#!/bin/sh\necho qdrant 1.19.0\n")
    path.chmod(0o755)
    with pytest.raises(Failure, match="is no program for this machine: give a Qdrant server for Linux on"):
        server.version_of(path)
    _saying(path, "qdrant 1.19.0", monkeypatch)
    monkeypatch.setattr("platform.machine", lambda: "aarch64" if path.read_bytes()[18] == 62 else "x86_64")
    with pytest.raises(Failure, match="is no program for this machine"):
        server.version_of(path)


def test_a_file_that_may_not_be_executed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _saying(tmp_path / "qdrant", "qdrant 1.19.0", monkeypatch)
    path.chmod(0o644)
    with pytest.raises(Failure, match=f"may not be executed: run chmod \\+x {path}"):
        server.version_of(path)


def test_each_server_and_each_bundle_has_an_image_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    old, new, another = (server.Server(tmp_path, version, digest) for version, digest in (("1.0.0", "aa"), ("1.1.0", "bb"), ("1.1.0", "cc")))
    kept = {server_image.archive(one, cas) for one in (old, new, another) for cas in (None, b"a bundle", b"another bundle")}
    assert len(kept) == 9
    assert server_image.name(old, False) == "hardened-qdrant-server:1.0.0-unprivileged"
    assert len({server_image.name(one, cas) for one in (old, new) for cas in (False, True)}) == 4


def test_an_image_holds_no_cas_but_those_that_it_is_given() -> None:
    without, given = server_image.files(None), server_image.files(b"a bundle")
    assert b"rm -rf /etc/ssl " in without["Dockerfile"] and b"ca-certificates.crt" not in without["Dockerfile"] and "ca-certificates.crt" not in without
    assert given["ca-certificates.crt"] == b"a bundle"
    assert given["Dockerfile"].index(b"COPY --from=debian") < given["Dockerfile"].index(b"COPY ca-certificates.crt /etc/ssl/certs/\n")


def test_a_bundle_without_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_text("nothing\n")
    with pytest.raises(Failure, match="holds no certificate"):
        server_image.read_cas(tmp_path / "bundle")
    with pytest.raises(Failure, match="cannot be read"):
        server_image.read_cas(tmp_path / "missing")


def test_one_place_names_the_version_that_tests_run() -> None:
    """All others ask for it, so that another server can be given. Unit tests of what is known of versions name whatever they like."""
    places = ["scripts", "molecule", ".ci", ".config", "tests", ":!tests/unit"]
    command = ["git", "grep", "--untracked", "-lF", artefact.QDRANT.version, "--", *places]
    found = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, check=False).stdout
    assert found.split() == ["tests/testbed/bed/artefact.py"]
