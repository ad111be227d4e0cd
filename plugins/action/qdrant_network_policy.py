# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders NetworkPolicies and security contexts on the controller, and writes them into a folder."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _files, _network_policy
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

display = Display()

DEFAULTS: dict[str, t.Any] = {
    "dir": "",
    "namespace": "qdrant",
    "name": "qdrant",
    "labels": {"app.kubernetes.io/name": "qdrant", "app.kubernetes.io/instance": "qdrant"},
    "statefulset": "qdrant",
    "container": "qdrant",
    "http_port": 6333,
    "grpc_port": 6334,
    "p2p_port": 6335,
    "clients": [],
    "targets": [],
    "dns": [{"namespace": "kube-system", "pods": {"k8s-app": "kube-dns"}}],
    "accepted_risks": [],
}
MODE = 0o644


class ActionModule(_action.ControllerAction):
    """Everything is checked first; then all files, or none, are up to date."""

    _VALID_ARGS = frozenset(DEFAULTS)

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        given = {**DEFAULTS, **self._task.args}
        wanted, found = _network_policy.parse(given, given["accepted_risks"])
        folder = Path(os.path.abspath(os.path.expanduser(str(given["dir"])))) if given["dir"] else None
        found.problems += self._misplaced(folder, variables.get("ansible_inventory_sources") or [])
        if found.problems:
            raise AnsibleActionFail("No NetworkPolicy was made:\n{}".format("\n".join(f"  - {problem}" for problem in found.problems)))
        for warning in found.warnings:
            display.warning(warning)
        diffs = []
        try:
            for name, text in _network_policy.files(wanted).items() if folder else ():
                diff = self._write(t.cast(Path, folder) / name, text)
                diffs += [diff] if diff else []
        except UnicodeDecodeError:
            raise AnsibleActionFail(f"A file in {folder} is no text, and so none of this module's. Name another folder.") from None
        except _files.FileError as error:
            raise AnsibleActionFail(str(error)) from None
        return {
            **result,
            "changed": bool(diffs),
            "diff": diffs,
            "files": [str(folder / name) for name in _network_policy.files(wanted)] if folder else [],
            "policies": _network_policy.policies(wanted),
            "chart_values": _network_policy.values(),
            "patch": _network_policy.patch(wanted),
            "warnings_given": found.warnings,
        }

    @staticmethod
    def _misplaced(folder: Path | None, sources: list[str]) -> list[Problem]:
        """Return the problems of the folder. Ansible reads an inventory's folder as a whole, and would take the files for hosts."""
        where = _network_policy.PREFIX + "dir"
        if folder is not None and folder.exists() and not folder.is_dir():
            return [Problem(where, f"{folder} is a file", "Write a folder's path")]
        for source in sources:
            inventory = Path(os.path.abspath(source))
            if folder is not None and os.path.isdir(source) and (inventory == folder or inventory in folder.parents):
                return [Problem(where, f"{folder} is in the inventory's folder, which Ansible reads as a whole", "Write a path outside of it")]
        return []

    def _write(self, path: Path, text: str) -> dict[str, str] | None:
        """Return the difference between what is there and what was written or, in check mode, would be; None for none."""
        found = _files.look(path)
        before, mode = (found.data.decode("utf-8"), found.mode) if found else ("", MODE)
        if before == text and mode == MODE and not (found and found.problem):
            return None
        if not self._task.check_mode:
            _files.write(path, text, MODE)
        header = "{}{}".format(path, "" if mode == MODE else f" (mode {mode:04o})")
        return {"before_header": header, "after_header": str(path), "before": before, "after": text}
