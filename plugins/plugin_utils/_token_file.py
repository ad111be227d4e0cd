# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files on the controller that tokens are kept in: where they are, and the token that is in one."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files, _tokens, _vault
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem


def path(grant: _tokens.Grant, sources: t.Sequence[str] | None) -> Path | None:
    """Return the token's file; None if it is kept nowhere. ``sources`` are those of the inventory.

    :raises TokenError: Ansible would read it as part of the inventory, a token as the name of a host.
    """
    if not grant.file:
        return None
    found = Path(os.path.abspath(os.path.expanduser(grant.file)))
    for source in sources or []:
        if os.path.isdir(source) and Path(os.path.abspath(source)) in found.parents:
            what = f"{found} is in the inventory's folder, which Ansible reads as a whole"
            raise _tokens.TokenError([Problem(f"file of {grant.application}", what, "Write a path outside of it")])
    return found


def read(file: Path, loader: t.Any) -> str | None:
    """Return the token that is there; None for none, and for a file that is no token's, is open to others, or is encrypted otherwise than this run knows.

    :raises FileError: others could have put something in the place of a folder on the way.
    """
    found = _files.look(file)
    if found is None or not found.private:
        return None
    text = found.data.decode("utf-8", "replace")
    if not _vault.encrypted(text):
        return text.strip()
    content = _vault.decrypt(loader, text)
    try:
        token = yaml.safe_load(content or "")["qdrant_token"]
    except (yaml.YAMLError, KeyError, TypeError):
        return None
    return token if isinstance(token, str) else None
