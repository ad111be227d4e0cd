# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files, _token_file, _tokens

GRANTS, _FINDINGS = _tokens.parse_entries([{"application": "shop", "access": {"a": "rw"}, "lifetime": "1h", "file": "tokens/shop"}])
VAULT = VaultLib([("default", VaultSecret(b"secret"))])
LOADER = SimpleNamespace(_vault=VAULT)


def put(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_token_lies_where_the_inventory_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _token_file.path(GRANTS[0], None) == tmp_path / "tokens/shop"
    assert _token_file.path(replace(GRANTS[0], file=""), [str(tmp_path)]) is None
    # An inventory that is a file is no folder that is read as a whole.
    assert _token_file.path(GRANTS[0], [str(put(tmp_path / "hosts.yml", b""))])


def test_no_token_lies_where_ansible_would_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(_tokens.TokenError, match="is in the inventory's folder.*Write a path outside of it"):
        _token_file.path(GRANTS[0], [str(tmp_path)])


def test_a_token_is_read_in_clear_and_from_a_vault(tmp_path: Path) -> None:
    assert _token_file.read(tmp_path / "none", LOADER) is None
    assert _token_file.read(put(tmp_path / "clear", b"abc.def\n"), LOADER) == "abc.def"
    assert _token_file.read(put(tmp_path / "vault", VAULT.encrypt("qdrant_token: abc.def\n")), LOADER) == "abc.def"


@pytest.mark.parametrize("content", ["qdrant_token: [1]", "other: abc", "[", "text", ""])
def test_what_is_no_token_is_none(tmp_path: Path, content: str) -> None:
    assert _token_file.read(put(tmp_path / "vault", VAULT.encrypt(content)), LOADER) is None


def test_a_vault_with_another_password_is_none(tmp_path: Path) -> None:
    other = SimpleNamespace(_vault=VaultLib([("default", VaultSecret(b"another"))]))
    assert _token_file.read(put(tmp_path / "vault", VAULT.encrypt("qdrant_token: abc.def")), other) is None


def test_a_file_that_others_may_read_holds_no_token(tmp_path: Path) -> None:
    assert _token_file.read(put(tmp_path / "open", b"abc.def", 0o644), LOADER) is None


def test_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(put(tmp_path / "target", b"abc.def"))
    with pytest.raises(_files.FileError, match="symlink"):
        _token_file.read(tmp_path / "link", LOADER)
