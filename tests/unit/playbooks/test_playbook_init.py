# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook init, run for real on the controller: it makes what the preflight takes, and never overwrites."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[3]


def init(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = ["ansible-playbook", "-i", "localhost,", "hardened.qdrant.init", "-e", f"qdrant_init_dir={folder}", "-e", "qdrant_release=none", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_VAULT")}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=120)


@pytest.fixture
def password(tmp_path) -> str:
    path = tmp_path / "password"
    path.write_text("correct horse")
    return str(path)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_makes_a_deployment_and_keeps_it(tmp_path, password):
    folder = tmp_path / "made"
    first = init(folder, "--vault-password-file", password, "-vvv", "--diff")
    assert first.returncode == 0 and "changed=1" in first.stdout, first.stdout
    made = files(folder)
    assert sorted(made) == ["group_vars/qdrant/ca.crt", "group_vars/qdrant/main.yml", "group_vars/qdrant/vault.yml", "hosts.yml"]
    assert made["group_vars/qdrant/vault.yml"].startswith(b"$ANSIBLE_VAULT;")
    assert stat.S_IMODE((folder / "group_vars/qdrant/vault.yml").stat().st_mode) == 0o600

    second = init(folder, "--vault-password-file", password)
    assert second.returncode == 0 and "changed=0" in second.stdout
    assert files(folder) == made

    view = ["ansible-vault", "view", "--vault-password-file", password, str(folder / "group_vars/qdrant/vault.yml")]
    secrets = yaml.safe_load(subprocess.run(view, check=True, capture_output=True, text=True).stdout)
    assert sorted(secrets) == ["qdrant_api_key", "qdrant_read_only_api_key", "qdrant_tls_ca_certificate", "qdrant_tls_ca_private_key"]
    for name in ("qdrant_api_key", "qdrant_read_only_api_key"):
        assert secrets[name] not in first.stdout + first.stderr
    assert secrets["qdrant_tls_ca_private_key"].splitlines()[1] not in first.stdout + first.stderr
    assert secrets["qdrant_tls_ca_certificate"].strip() == made["group_vars/qdrant/ca.crt"].decode().strip()


def test_check_mode_makes_nothing(tmp_path, password):
    folder = tmp_path / "made"
    result = init(folder, "--vault-password-file", password, "--check")
    assert result.returncode == 0 and "changed=1" in result.stdout
    assert not folder.exists()


def test_without_a_vault_password_it_says_how_to_give_one(tmp_path):
    result = init(tmp_path / "made")
    assert result.returncode != 0
    assert "--vault-id qdrant@prompt" in result.stdout + result.stderr
    assert not (tmp_path / "made/group_vars/qdrant/vault.yml").exists()


def test_vault_ids_are_honoured(tmp_path, password):
    result = init(tmp_path / "made", "--vault-id", "prod@" + password)
    assert result.returncode == 0
    assert (tmp_path / "made/group_vars/qdrant/vault.yml").read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;prod")
    wrong = init(tmp_path / "other", "--vault-id", "prod@" + password, "-e", "qdrant_init_vault_id=staging")
    assert wrong.returncode != 0 and "--vault-id staging@prompt" in wrong.stdout + wrong.stderr


def test_an_inventory_of_the_users_own_is_left_alone(tmp_path, password):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "hosts.ini").write_text("[qdrant]\nmine\n")
    assert init(folder, "--vault-password-file", password).returncode == 0
    assert not (folder / "hosts.yml").exists() and (folder / "hosts.ini").read_text() == "[qdrant]\nmine\n"


def test_a_run_that_was_killed_before_the_vault_was_there_makes_a_matching_pair(tmp_path, password):
    folder = tmp_path / "made"
    init(folder, "--vault-password-file", password)
    old = (folder / "group_vars/qdrant/ca.crt").read_text()
    (folder / "group_vars/qdrant/vault.yml").unlink()
    init(folder, "--vault-password-file", password)
    new = (folder / "group_vars/qdrant/ca.crt").read_text()
    view = ["ansible-vault", "view", "--vault-password-file", password, str(folder / "group_vars/qdrant/vault.yml")]
    secrets = yaml.safe_load(subprocess.run(view, check=True, capture_output=True, text=True).stdout)
    assert new != old and secrets["qdrant_tls_ca_certificate"].strip() == new.strip()


def test_the_next_ca_is_added_to_a_vault_of_its_own(tmp_path, password):
    folder = tmp_path / "made"
    command = ["ansible-playbook", "-i", "localhost,", "hardened.qdrant.next_ca", "-e", f"qdrant_init_dir={folder}", "--vault-password-file", password]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_VAULT")}

    def next_ca() -> subprocess.CompletedProcess:
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=120)

    assert "is no folder of group variables" in next_ca().stdout
    assert init(folder, "--vault-password-file", password).returncode == 0
    before = files(folder)
    assert "changed=1" in next_ca().stdout
    made = files(folder)
    added = made.pop("group_vars/qdrant/vault_next_ca.yml")
    assert made == before and added.startswith(b"$ANSIBLE_VAULT;")
    assert "changed=0" in next_ca().stdout and files(folder)["group_vars/qdrant/vault_next_ca.yml"] == added
