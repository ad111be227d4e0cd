# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks init and releases, run for real against a server that answers as upstream does, and what Ansible then reads from the inventory."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.tests.unit.upstream_server import digest

PROJECT = Path(__file__).parents[3]


def ansible(*command: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_VAULT")}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=120)


@pytest.fixture
def deployment(upstream, tmp_path):
    """A new deployment that was pinned, and the words that a playbook needs to reach its upstream."""
    (tmp_path / "password").write_text("correct horse")
    asked = {"qdrant_release_api_url": upstream.api, "qdrant_release_image": upstream.image, "qdrant_release_ca_file": upstream.ca_file}
    words = ["-e", json.dumps(asked), "--vault-password-file", str(tmp_path / "password")]
    folder = tmp_path / "inventory"
    made = ansible("ansible-playbook", "-i", "localhost,", "hardened.qdrant.init", "-e", f"qdrant_init_dir={folder}", "-e", "qdrant_release=1.19.1", *words)
    assert made.returncode == 0 and "Pinned Qdrant 1.19.1" in made.stdout, made.stdout + made.stderr
    return folder, words


def variables(folder: Path, words: list[str]) -> dict:
    return json.loads(ansible("ansible-inventory", "-i", str(folder), "--host", "node1", *words[2:]).stdout)


def test_a_pin_is_made_shown_changed_and_taken_back(deployment):
    folder, words = deployment
    assert variables(folder, words)["qdrant_version"] == "1.19.1"
    releases = ["ansible-playbook", "-i", str(folder), "hardened.qdrant.releases", *words]
    shown = ansible(*releases)
    assert shown.returncode == 0 and "changed=0" in shown.stdout, shown.stdout + shown.stderr
    assert "The inventory's 1.19.1: has the weakness" in shown.stdout and "1.20.1 (2026-11-03) mends: has the weakness" in shown.stdout

    changed = ansible(*releases, "-e", "qdrant_release=1.20.0")
    assert changed.returncode == 0 and "changed=1" in changed.stdout and "pins 1.20.0" in changed.stdout, changed.stdout + changed.stderr
    found = variables(folder, words)
    assert found["qdrant_version"] == "1.20.0" and found["qdrant_checksums"]["1.20.0"]["aarch64"] == digest("1.20.0", "aarch64")
    assert (folder / "group_vars/qdrant/weaknesses.list").exists()

    back = ansible(*releases, "-e", "qdrant_release=before")
    assert back.returncode == 0 and variables(folder, words)["qdrant_version"] == "1.19.1", back.stdout + back.stderr
