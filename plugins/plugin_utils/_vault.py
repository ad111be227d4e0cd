# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that hold secrets, encrypted with the run's own vault secret."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.text.converters import to_text
from ansible.parsing.vault import AnsibleVaultError, VaultLib


class VaultError(Exception):
    """The run's vault secrets do not do; the message says what to give."""


NO_PASSWORD = """\
There is no vault password, so the secrets cannot be encrypted. Choose one and run again, in one of these ways:
  ansible-playbook %(playbook)s --vault-id qdrant@prompt
  ansible-playbook %(playbook)s --vault-password-file FILE
Every later run needs the same option."""


def encrypter(loader: t.Any, vault_id: str, playbook: str) -> t.Callable[[str], str]:
    """Return a function that encrypts with a vault secret of the run: that of the id, or the first. Raises VaultError where there is none."""
    known = list(loader._vault.secrets or [])  # the loader offers no other way to its secrets
    fitting = [entry for entry in known if not vault_id or entry[0] == vault_id]
    if not known:
        raise VaultError(NO_PASSWORD % {"playbook": playbook})
    if not fitting:
        raise VaultError(f"There is no vault password for the id {vault_id}. Run with --vault-id {vault_id}@prompt.")
    label, secret = fitting[0]
    vault = VaultLib(known)
    named = label if vault_id or label != "default" else None
    return lambda text: to_text(vault.encrypt(text, secret=secret, vault_id=named))


def decrypt(loader: t.Any, text: str) -> str | None:
    """Return the text of a vault file, or None where none of the run's secrets opens it."""
    try:
        plain: str = to_text(VaultLib(list(loader._vault.secrets or [])).decrypt(text))
    except AnsibleVaultError:
        return None
    return plain


def encrypted(text: str) -> bool:
    """Return whether a text is a vault's."""
    return text.startswith("$ANSIBLE_VAULT;")
