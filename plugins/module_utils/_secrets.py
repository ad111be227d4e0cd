# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that holds a node's secrets: its form, and how it is replaced.

The form is JSON, which is YAML too: Qdrant reads it as YAML, and quoted strings keep keys such as ``00123`` or ``1e5`` as they
are, which Qdrant would mangle as numbers. The gate reads it as JSON, without a library.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests

MODE = 0o600


def render(keys: dict[str, str], further: dict[str, t.Any] | None = None) -> str:
    """Return the file's text: keys of Qdrant's section ``service``, and further settings that are secret, nested as in Qdrant's own file.

    Keys that are empty are left out, never written empty: an empty key opens Qdrant.
    """
    settings = dict(further or {})
    service = {**settings.get("service", {}), **keys}
    settings["service"] = {name: value for name, value in service.items() if value}
    return json.dumps(_sorted(settings), indent=2, default=str) + "\n"


def _sorted(value: t.Any) -> t.Any:
    """Return the same in one order, whatever order it was written in: a file that says the same is the same."""
    if isinstance(value, dict):
        return {str(name): _sorted(entry) for name, entry in sorted(value.items(), key=lambda item: str(item[0]))}
    return [_sorted(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def differs(path: str, salt: str, digest: str) -> list[str]:
    """Return the differences of the file at path: ``content``, ``owner``, ``mode``; ``missing`` alone if there is none.

    The content that it should have is known by a salted digest (_digests).
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return ["missing"]
    if not stat.S_ISREG(status.st_mode):
        return ["content"]
    wrong = []
    with open(path, "rb") as file:
        if not _digests.same(file.read(), salt, digest):
            wrong.append("content")
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        wrong.append("owner")
    if stat.S_IMODE(status.st_mode) != MODE:
        wrong.append("mode")
    return wrong


def replace(path: str, text: str) -> None:
    """Put text at path in one step: readers see the old file or the new one, and no moment of a wider mode."""
    prefix = ".%s." % os.path.basename(path)
    folder = os.path.dirname(path)
    for name in os.listdir(folder):
        if name.startswith(prefix):  # left by a run that was killed
            os.unlink(os.path.join(folder, name))
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=prefix)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp made it 0600, owned by us
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
