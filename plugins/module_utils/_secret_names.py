# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Qdrant's settings are secret: those that are known, and whatever is called like a secret or is a URL with one in it.

Both sides of the collection read this. The controller keeps such settings out of config.yaml; a host is searched for them.
"""

from __future__ import annotations

import re
import typing as t

# Qdrant's own, with what they open. Qdrant ignores others, and a later version may have more: these are known by their names.
SETTINGS = {
    "service.api_key": "all data, with full rights",
    "service.alt_api_key": "all data, with full rights",
    "service.read_only_api_key": "all data, to read",
    "storage.snapshots_config.s3_config.access_key": "the object store that holds the snapshots",
    "storage.snapshots_config.s3_config.secret_key": "the object store that holds the snapshots",
    "inference.token": "the service for inference",
    "debugger.pyroscope.password": "the server that profiles are sent to",
}
# Called like secrets, and paths of files.
PATHS = ("tls.key",)

WORDS = "keys?|tokens?|password|passwd|passphrase|pwd|secrets?|credentials?|authorization|bearer|cookies?|dsn|connection_?string"
NAME = re.compile(rf"(?:{WORDS})$", re.IGNORECASE)
# Characters; a shorter text stands in words that are not secret, too.
SHORTEST = 8
HIDDEN = "(hidden)"
# A URL with a password, or with a parameter that is called like a secret.
URL = re.compile(rf"^\s*[a-z][a-z0-9+.-]*://(?:[^/?#\s]*:[^/?#\s]+@|[^#\s]*[?&][^=&#\s]*(?:{WORDS}|signature)=[^&#\s])", re.IGNORECASE)
# A name and its colon in YAML, at a line's beginning or within braces. A plain ``key`` is the path of the certificate's.
IN_TEXT = re.compile(rf"(?:^|[{{,])[ \t]*(?:- )?['\"]?(?!keys?['\"]?\s*:)\w*(?:{WORDS})['\"]?\s*:", re.IGNORECASE | re.MULTILINE)


def is_secret(path: t.Sequence[str], value: t.Any = None) -> bool:
    """Return whether a setting is secret, by its path as a sequence of names, or by a value that is a URL. What is below a secret name is secret too."""
    if ".".join(path) in PATHS:
        return False
    return any(NAME.search(name) for name in path) or (isinstance(value, str) and bool(URL.search(value)))


def in_text(text: str) -> bool:
    """Return whether a file of settings, in YAML, sets something that is secret by its name. Comments do not count."""
    return bool(IN_TEXT.search("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))))


def texts(value: t.Any) -> set[str]:
    """Return all texts that are values in nested mappings and lists, but the empty one."""
    if isinstance(value, dict):
        return {text for entry in value.values() for text in texts(entry)}
    if isinstance(value, (list, tuple)):
        return {text for entry in value for text in texts(entry)}
    return {value} if isinstance(value, str) and value else set()


def sought(found: t.Iterable[str]) -> list[str]:
    """Return the secret texts that are worth looking for in others, the longest first, for one may be part of another."""
    return sorted((text for text in set(found) if len(text) >= SHORTEST), key=lambda text: (-len(text), text))


def struck(text: str, secrets: t.Iterable[str]) -> str:
    """Return a text without these secrets."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
