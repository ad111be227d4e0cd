# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing secrets without handing them over: by salted digests.

HMAC-SHA-256 under a random key of 32 bytes, new for every question. What is compared has 90 bits of entropy or more (the preflight asks that of every API
key, and a file of secrets holds one), so nobody finds it by trying, and nothing is gained by a slow function.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets


def sha256(text: str) -> str:
    """Return the digest of a text that is no secret, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def salt() -> str:
    """Return a new salt, in hex."""
    return secrets.token_hex(32)


def digest(content: bytes, salted_by: str) -> str:
    """Return the digest of a content, in hex.

    :raises ValueError: the salt is not in hex.
    """
    return hmac.new(bytes.fromhex(salted_by), content, hashlib.sha256).hexdigest()


def same(content: bytes, salted_by: str, wanted: str) -> bool:
    """Return whether a content has the wanted digest."""
    return hmac.compare_digest(digest(content, salted_by).encode(), wanted.encode())
