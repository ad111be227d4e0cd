# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes or removes a file on the controller, whoever the task's host is."""

from __future__ import annotations

import json
import re
import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _files

DEFAULTS: dict[str, t.Any] = {"path": "", "name": "", "content": None, "mode": "0600", "state": "present"}


class ActionModule(_action.ControllerAction):
    """One file a call. Nothing of it happens on the host."""

    _VALID_ARGS = frozenset(DEFAULTS)

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        given = {**DEFAULTS, **self._task.args}
        mode = self._check(given)
        absent = given["state"] == "absent"
        after = b"" if absent else self._text(given["content"]).encode("utf-8")
        try:
            path = _files.inside(str(given["path"]), str(given["name"])) if given["name"] else str(given["path"])
            found = _files.look(path)
            if absent:
                changed = found is not None
            else:
                changed = found is None or found.data != after or found.mode != mode or bool(found.problem)
            if changed and not self._task.check_mode:
                if absent:
                    _files.remove(path)
                else:
                    _files.write(path, after, mode)
        except _files.FileError as error:
            raise AnsibleActionFail(str(error)) from None
        return {"changed": changed, "path": path, "diff": self._difference(path, found, None if absent else after, mode)}

    @staticmethod
    def _check(given: dict[str, t.Any]) -> int:
        """Return the mode. Raises AnsibleActionFail for arguments that do not do."""
        if given["state"] not in ("present", "absent"):
            raise AnsibleActionFail("state is {!r} and must be present or absent.".format(given["state"]))
        if not given["path"]:
            raise AnsibleActionFail("path is empty. Name a file on the controller, or with name its folder.")
        if given["state"] == "present" and not isinstance(given["content"], (str, list, dict)):
            raise AnsibleActionFail("content is missing, or neither a text nor a list or mapping. Write the text of the file.")
        if not isinstance(given["mode"], str) or not re.fullmatch("0?[0-7]{3}", given["mode"]) or int(given["mode"], 8) & 0o022:
            raise AnsibleActionFail("mode is {!r} and must be a text such as '0600' or '0644', which lets nobody else write.".format(given["mode"]))
        return int(given["mode"], 8)

    @staticmethod
    def _text(content: str | list[t.Any] | dict[str, t.Any]) -> str:
        """Return the text of the file. Some versions of Ansible make data of a text that looks like JSON, so data is written as such."""
        return content if isinstance(content, str) else json.dumps(content, indent=4, sort_keys=True) + "\n"

    @staticmethod
    def _difference(path: str, found: _files.File | None, after: bytes | None, mode: int) -> dict[str, str]:
        """What changes. The content of a file that is its owner's alone, before or after, is not shown."""
        shown = not (mode & 0o077 == 0 and after is not None) and not (found and found.mode & 0o077 == 0)

        def side(content: bytes | None, bits: int) -> tuple[str, str]:
            if content is None:
                return f"{path} (absent)", ""
            return f"{path} (mode {bits:04o})", content.decode("utf-8", "replace") if shown else ""

        before_header, before = side(found.data if found else None, found.mode if found else 0)
        after_header, text = side(after, mode)
        return {"before_header": before_header, "before": before, "after_header": after_header, "after": text}
