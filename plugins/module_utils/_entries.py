# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``entries`` of qdrant_files and qdrant_plan_info, which their action plugins make of the wanted state."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _files


def options() -> dict[str, t.Any]:
    """Return the option's specification.

    Secrets are no part of it: Ansible writes into the journal what a module was called with, and leaves out options of a module that are secret, but not
    parts of one.
    """
    found: dict[str, t.Any] = {name: {"type": "str"} for name in ("owner", "group", "mode", "text", "salt", "digest", "target")}
    found["path"] = {"type": "path", "required": True}
    found["kind"] = {"type": "str", "choices": ["folder", "file", "link", "absent"], "required": True}
    found["staged"] = {"type": "path"}
    return found


def entry_of(given: t.Mapping[str, t.Any], secrets: t.Mapping[str, str] | None = None) -> _files.Entry:
    """Return an entry of the option; ``secrets`` are the texts of secret files by path."""
    secret_text = (secrets or {}).get(given["path"])
    text = secret_text if secret_text is not None else given["text"]
    return _files.Entry(
        path=given["path"],
        kind=given["kind"],
        owner=given["owner"],
        group=given["group"],
        mode=given["mode"],
        content=None if text is None else text.encode("utf-8"),
        salt=given["salt"] or "",
        digest=given["digest"] or "",
        target=given["target"] or "",
        staged=given["staged"] or "",
        secret=secret_text is not None or bool(given["digest"]),
    )
