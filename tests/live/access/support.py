# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of keys share: the vault as a user changes it, tokens as an application reads them, and the hunt for leaks."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from conftest import ENVIRONMENT, PROJECT
from test_secrets import ALLOWED, hunt


def vault(*arguments: str, text: str = "") -> str:
    """ansible-vault, with the scenario's password; its output."""
    command = ["ansible-vault", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=PROJECT, env=ENVIRONMENT, timeout=120).stdout


def token_of(path: Path) -> str:
    """A token as an application gets it: the file, or the vault's ``qdrant_token``."""
    text = path.read_text(encoding="utf-8")
    return yaml.safe_load(vault("view", str(path)))["qdrant_token"] if text.startswith("$ANSIBLE_VAULT") else text.strip()


def tokens(deployment) -> list[str]:
    return [token_of(path) for path in sorted((deployment.inventory.parent / "tokens").iterdir())]


def make_new_keys(deployment, folder: Path, number: int) -> dict[str, str]:
    """What a user does first: make new keys. Returns them by name."""
    file = folder / ("new-keys-%d.yml" % number)
    deployment.playbook("hardened.qdrant.new_api_keys", "-e", f"qdrant_new_keys_file={file}", "-vvv", "--diff")
    new = yaml.safe_load(vault("view", str(file)))
    file.unlink()
    return new


def make_alternate_key(deployment, folder: Path, number: int) -> str:
    """What a user does first from 1.17 on: make the next key, by the playbook for it."""
    file = folder / ("new-key-%d.yml" % number)
    said = deployment.playbook("hardened.qdrant.new_alternate_key", "-e", f"qdrant_new_keys_file={file}").stdout
    assert "beside the old ones" in " ".join(said.split())
    new = yaml.safe_load(vault("view", str(file)))
    file.unlink()
    assert list(new) == ["qdrant_alt_api_key"]
    return new["qdrant_alt_api_key"]


def change_vault(deployment, **keys: str | None) -> None:
    """Exchange keys in the deployment's vault, as a user does; one that is None is removed."""
    path = deployment.inventory / "group_vars/qdrant/vault.yml"
    content = {**yaml.safe_load(vault("view", str(path))), **keys}
    encrypted = vault("encrypt", "--output", "-", text=yaml.safe_dump({name: key for name, key in content.items() if key is not None}))
    with open(os.open(path, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as target:
        target.write(encrypted)


def put_new_keys_into_the_vault(deployment, folder: Path, number: int) -> dict[str, str]:
    """Both, one after the other. Returns the new keys by name."""
    new = make_new_keys(deployment, folder, number)
    change_vault(deployment, **new)
    return new


def _on_node(node, needles: list[str], listing: str) -> list[str]:
    """A node's part of the hunt."""
    try:
        held = hunt(node, needles, listing)
    finally:
        node.run("rm -f /run/journal.export")
    found = [f"{node.name}: {path}" for path in held if path not in ALLOWED and not path.startswith("/run/credentials/qdrant.service/")]
    # Neither a copy of the process's memory, nor a file that others can read, nor a module that was left behind.
    limit = node.run("prlimit --core --noheadings --output=SOFT,HARD --pid $(systemctl show -p MainPID --value qdrant)").split()
    if limit != ["0", "0"]:
        found.append(f"{node.name}: core dumps are limited to {limit}")
    left = node.run(
        "find /etc/qdrant/secrets.yaml /etc/qdrant/tls /run/hardened-qdrant -type f -perm /077; "
        "find /root/.ansible/tmp /home/*/.ansible/tmp -mindepth 1 -maxdepth 1 -name 'ansible-tmp-*' 2>/dev/null || true"
    )
    return found + [f"{node.name}: {path}" for path in left.split()]


def leaks(deployment, needles: list[str], outputs: list[str], everywhere: bool = False) -> list[str]:
    """Every place that holds a key or a token and should not. ``everywhere`` looks at the whole disk of each node."""
    found = ["output %d" % number for number, output in enumerate(outputs) for needle in needles if needle in output.replace("\\n", "\n")]
    places = "find / -xdev -type f -size -20M -print0; " if everywhere else "find /etc /root /home /var/log /opt /usr/local -xdev -type f -size -20M -print0; "
    listing = (
        places + "find /run /tmp /var/tmp /dev/shm -type f -print0; "
        "for pid in /proc/[0-9]*; do printf '%s\\0%s\\0' $pid/cmdline $pid/environ; done; "
        "journalctl --no-pager -o export > /run/journal.export; chmod 600 /run/journal.export; printf '/run/journal.export\\0'"
    )
    with ThreadPoolExecutor() as pool:
        for places in pool.map(lambda node: _on_node(node, needles, listing), deployment.nodes):
            found += places
    ephemeral = deployment.inventory.parent
    # The fact cache, retry files, reports, logs and vaults of this scenario, and Ansible's own folder.
    for folder in (ephemeral, Path.home() / ".ansible"):
        for path in folder.rglob("*"):
            if path.is_file() and path.parent != ephemeral / "tokens" and path.stat().st_size < 20 << 20:
                content = path.read_bytes()
                found += [f"controller: {path}" for needle in needles if needle.encode() in content]
    for path in (ephemeral / "tokens").iterdir():
        if path.stat().st_mode & 0o077:
            found.append(f"controller: {path} is open to others")
    return found
