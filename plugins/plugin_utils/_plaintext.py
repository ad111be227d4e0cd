# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that stand in the inventory in plain text: found by where Ansible read them, before they are decrypted or templated."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _secret_settings, _tls_providers, _vault
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import OTHER_RISKS, Problem

# All that a proxy has of its own.
PROXY_SECRETS = _tls_providers.secrets(_tls_providers.PROXIES)
# Private keys that may also be the path of a file, which is no secret.
KEYS_OR_PATHS = tuple(name for prefix in (_tls_providers.NODES, _tls_providers.PROXIES) for name in _tls_providers.secrets(prefix, or_path=True))
SECRETS = (
    "qdrant_api_key",
    "qdrant_alt_api_key",
    "qdrant_read_only_api_key",
    *_tls_providers.secrets(_tls_providers.NODES),
)
RISK = "plaintext-secrets"


def of_node(variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the values of a node that are secret, as they were written: by variable, and those within ``qdrant_config`` by their path in it."""
    return {**{name: variables.get(name) for name in SECRETS}, **_secret_settings.by_name(variables.get("qdrant_config"))}


def position(value: t.Any, origin: t.Callable[[t.Any], str]) -> str:
    """Return FILE:LINE of a value that was written in clear, of a JSON file FILE alone.

    Empty for one that is encrypted, comes from elsewhere, or is a template.

    An inline ``!vault`` value is no text before it is decrypted, and a file that is encrypted as a whole begins with the vault's mark.
    """
    if not isinstance(value, str) or not value or "{{" in value or "{%" in value:
        return ""
    where = origin(value)
    path = where.rpartition(":")[0] if where.rpartition(":")[2].isdigit() else where
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "" if _vault.encrypted(file.readline(64)) else where
    except OSError:
        return ""


def check(values: t.Mapping[str, t.Any], accepted: t.Collection[str], origin: t.Callable[[t.Any], str]) -> list[Problem]:
    """Return secrets by the variable that holds them, not templated yet. The texts name places, never values."""
    if RISK in accepted:
        return []
    problems = []
    for name, value in values.items():
        is_path = name in KEYS_OR_PATHS and "-----BEGIN" not in str(value)
        where = "" if is_path else position(value, origin)
        if where:
            what = f"it stands in plain text in {where}, and {OTHER_RISKS[RISK]}"
            remedy = "Encrypt that file with ansible-vault encrypt, or take it from a lookup (docs/secrets.md)"
            if name.startswith("qdrant_config."):
                remedy = "Keep it in a vault, as a variable of your own, and write {{ that variable's name }} in its place (docs/secrets.md)"
            problems.append(Problem(name, what, f"{remedy}; or accept the risk: qdrant_accepted_risks: [{{risk: {RISK}, reason: why}}]"))
    return problems
