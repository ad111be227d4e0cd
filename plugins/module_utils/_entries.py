# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``entries`` of qdrant_files and qdrant_plan_info, which their action plugins make of the wanted state."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _files


def options(secrets: bool = False) -> dict[str, t.Any]:
    """Return the option's specification. ``secrets``: the contents of secret files may be among the entries."""
    found: dict[str, t.Any] = {name: {"type": "str"} for name in ("owner", "group", "mode", "text", "salt", "digest", "target")}
    found["path"] = {"type": "path", "required": True}
    found["kind"] = {"type": "str", "choices": ["folder", "file", "link", "absent"], "required": True}
    found["staged"] = {"type": "path"}
    if secrets:
        found["secret_text"] = {"type": "str", "no_log": True}
    return found


def entry_of(given: t.Mapping[str, t.Any]) -> _files.Entry:
    """Return an entry of the option."""
    secret_text = given.get("secret_text")
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
