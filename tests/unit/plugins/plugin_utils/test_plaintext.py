# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in plain text, found for real: Ansible loads an inventory, the preflight's own check looks at what it loaded."""

from __future__ import annotations

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.vars.manager import VariableManager
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _plaintext, _variables

KEY = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa"
SECRETS = [("default", VaultSecret(b"secret"))]


@pytest.fixture
def variables(tmp_path):
    """The variables of a host, as plugins get them, from files of group_vars/qdrant."""
    (tmp_path / "hosts.yml").write_text("qdrant: {hosts: {node1: {}}}\n")
    folder = tmp_path / "group_vars/qdrant"
    folder.mkdir(parents=True)

    def load(**files: str) -> dict:
        for name, text in files.items():
            (folder / (name + ".yml")).write_text(text)
        loader = DataLoader()
        loader.set_vault_secrets(SECRETS)
        inventory = InventoryManager(loader=loader, sources=[str(tmp_path / "hosts.yml")])
        return VariableManager(loader=loader, inventory=inventory).get_vars(host=inventory.get_host("node1"))

    return load


def texts(found: dict, accepted=()) -> str:
    return "\n".join(map(str, _plaintext.check(_plaintext.of_node(found), accepted, _variables.origin)))


def test_a_key_in_plain_text_is_found_with_file_and_line(variables, tmp_path):
    found = variables(main=f"---\n# a comment\nqdrant_api_key: {KEY}\n")
    text = texts(found)
    assert f"qdrant_api_key: it stands in plain text in {tmp_path}/group_vars/qdrant/main.yml:3" in text and KEY not in text
    assert texts(found, ("plaintext-secrets",)) == ""


def test_vaults_and_lookups_are_fine(variables):
    vault = VaultLib(SECRETS)
    inline = yaml.safe_dump({"x": vault.encrypt(KEY).decode()}, default_style="|").split("\n", 1)[1]
    assert "ANSIBLE_VAULT" in inline
    found = variables(
        vault=vault.encrypt(f"qdrant_api_key: {KEY}\n").decode(),
        inline=f"qdrant_read_only_api_key: !vault |\n{inline}",
        lookup="qdrant_alt_api_key: \"{{ lookup('ansible.builtin.env', 'KEY') }}\"\nqdrant_tls_ca_private_key: ''\n",
    )
    assert found["qdrant_api_key"] == KEY and {"qdrant_read_only_api_key", "qdrant_alt_api_key"} <= found.keys()
    assert texts(found) == ""


def test_a_file_that_is_json_is_named_without_a_line(variables, tmp_path):
    text = texts(variables(main=f'{{"qdrant_api_key": "{KEY}"}}'))
    assert f"it stands in plain text in {tmp_path}/group_vars/qdrant/main.yml, and" in text and KEY not in text


def test_what_no_file_holds_is_not_accused():
    assert _plaintext.position(KEY, lambda _value: "") == "" and _plaintext.position(17, lambda _value: "/etc/hostname:1") == ""
    assert _plaintext.position(KEY, lambda _value: "/nonexistent/file:1") == ""


def test_a_private_key_is_found_and_the_path_of_one_is_no_secret(variables):
    found = variables(
        main="qdrant_tls_acme_account_key: /srv/account.key\nqdrant_tls_provided_private_key: |\n  -----BEGIN PRIVATE KEY-----\nqdrant_tls_vault_token: hvs.x\n"
    )
    text = texts(found)
    assert "qdrant_tls_provided_private_key: it stands" in text and "qdrant_tls_vault_token: it stands" in text and "account" not in text


@pytest.mark.parametrize(
    "path", ["storage.snapshots_config.s3_config.secret_key", "inference.token", "debugger.pyroscope.password", "storage.later.some_token"]
)
def test_a_secret_within_the_settings_is_found_with_file_and_line(variables, tmp_path, path):
    config: object = KEY
    for key in reversed(path.split(".")):
        config = {key: config}
    lines = yaml.safe_dump({"qdrant_config": config})
    text = texts(variables(main="---\n" + lines))
    place = "%s/group_vars/qdrant/main.yml:%d" % (tmp_path, lines.count("\n") + 1)
    assert f"qdrant_config.{path}: it stands in plain text in {place}" in text and "{{ that variable's name }}" in text and KEY not in text
    assert texts(variables(main="---\n" + lines), ("plaintext-secrets",)) == ""


def test_secrets_within_the_settings_that_come_from_a_vault_are_fine(variables):
    vault = VaultLib(SECRETS)
    inline = "\n".join("        " + line for line in vault.encrypt(KEY).decode().splitlines())
    found = variables(
        vault=vault.encrypt(f"s3_secret: {KEY}\n").decode(),
        main="qdrant_config:\n  inference:\n    address: https://192.0.2.80\n    token: '{{ s3_secret }}'\n"
        f"  debugger:\n    pyroscope:\n      password: !vault |\n{inline}\n",
    )
    assert texts(found) == ""
    assert texts(variables(main=vault.encrypt(f"qdrant_config: {{inference: {{token: {KEY}}}}}\n").decode())) == ""
    assert "qdrant_config.inference.address" in texts(variables(main=f"qdrant_config: {{inference: {{address: 'https://u:{KEY}@192.0.2.80'}}}}\n"))
