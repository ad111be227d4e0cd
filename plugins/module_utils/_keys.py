# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys a node has, on disk and in its process, said by name: the keys themselves stay on the node."""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _read

NAMES = ("api_key", "alt_api_key", "read_only_api_key")
OTHER = "other"
CREDENTIALS = "/run/credentials"  # where systemd puts the copies that a process was started with
NOTE = "staying-key.json"  # beside the secrets: which key stays when the rotation that is under way has ended


def running_file(unit: str) -> str:
    """Return the secrets that the unit's process was started with: systemd's copy, which the next start replaces."""
    return os.path.join(CREDENTIALS, unit, "secrets.yaml")


def load(path: str) -> dict[str, t.Any] | None:
    """Return the section ``service`` of a file of secrets; None where there is none, or it makes no sense."""
    try:
        with open(path, encoding="utf-8") as file:
            service = json.load(file)["service"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return service if isinstance(service, dict) else None


def main_keys(unit: str, secrets_file: str) -> list[str]:
    """Return the main keys that a node may take: the one that its process was started with, then that of its file, which the next start takes."""
    services = [load(path) or {} for path in (running_file(unit), secrets_file)]
    return list(dict.fromkeys(service["api_key"] for service in services if service.get("api_key")))


def identify(service: dict[str, t.Any] | None, salt: str, wanted: dict[str, str]) -> dict[str, str | None] | None:
    """Return the name of each key of a node among the wanted ones, ``other`` for a key that is not wanted, None for no key.

    ``wanted`` are salted digests (_digests) by name; of a key that is not wanted there is none.
    """
    if service is None:
        return None
    found: dict[str, str | None] = {}
    for name in NAMES:
        value = service.get(name)
        same = [other for other in NAMES if value and wanted.get(other) and _digests.same(str(value).encode(), salt, wanted[other])]
        found[name] = same[0] if same else OTHER if value else None
    return found


def enforces(config: str) -> bool:
    """Return whether a file of settings, as the role writes it, makes the node ask other nodes for a key."""
    try:
        text = _read.text(config)
    except OSError:
        return False
    return re.search(r"^ +enforce_internal_auth: true *$", text, re.MULTILINE) is not None


def staying(note: str, service: dict[str, t.Any] | None, named: dict[str, str | None] | None) -> dict[str, t.Any] | None:
    """Return the key that a note says stays, {key, since}: its name among the wanted ones, and seconds since 1970; None if the node does not have it.

    The note holds a salted digest of the key, made by the first phase of a rotation: {salt, digest, since}. ``named`` is ``service`` as identified.
    """
    try:
        content = json.loads(_read.text(note))
        salt, digest, since = str(content["salt"]), str(content["digest"]), float(content["since"])
        found = [name for name in NAMES if (service or {}).get(name) and _digests.same(str((service or {})[name]).encode(), salt, digest)]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {"key": (named or {}).get(found[0]), "since": since} if found else None


def outage(properties: dict[str, str]) -> float | None:
    """Return seconds from the unit's last stop to its last start, as systemd noted them in microseconds; None if it was not stopped since the host booted."""
    try:
        stopped, started = (int(properties[f"Active{which}TimestampMonotonic"]) for which in ("Exit", "Enter"))
    except (KeyError, ValueError):
        return None
    return round((started - stopped) / 1e6, 3) if 0 < stopped < started else None
