# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit as systemd has it, and whether what runs is what the disk says."""

from __future__ import annotations

import re

from ansible_collections.hardened.qdrant.plugins.module_utils import _node, _unit_addresses
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

PROPERTIES = (
    "ActiveState SubState UnitFileState MainPID InvocationID User Group RootDirectory NoNewPrivileges CapabilityBoundingSet "
    "AmbientCapabilities PrivateDevices PrivateTmp PrivateUsers PrivateMounts ProtectSystem ProtectHome ProtectProc ProcSubset "
    "ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectControlGroups ProtectClock ProtectHostname "
    "RestrictNamespaces RestrictRealtime RestrictSUIDSGID RestrictAddressFamilies LockPersonality MemoryDenyWriteExecute "
    "SystemCallFilter SystemCallArchitectures IPAddressDeny IPAddressAllow DevicePolicy KeyringMode RemoveIPC UMask NoExecPaths "
    "LimitCORE LimitNOFILE TasksMax MemoryMax TimeoutStopUSec KillSignal Restart LoadCredential Environment ExecStartPre "
    "ExecStartPost ExecReload Requires NeedDaemonReload DropInPaths FragmentPath"
)


def observe(place: Place, run: Run) -> Json:
    """Return the unit's properties as systemd reports them, and its exposure score (0 to 10, lower is better)."""
    code, output, error = run(["systemctl", "show", "--property=" + PROPERTIES.replace(" ", ","), "--", place.unit])
    if code != 0:
        raise OSError(error.strip() or "systemctl failed")
    # systemctl leaves out some that are not set.
    properties: Json = dict.fromkeys(PROPERTIES.split(), "")
    for line in output.splitlines():
        name, _equals, value = line.partition("=")
        properties[name] = (properties[name] + "\n" + value) if properties[name] else value
    for _attempt in range(2):  # of a busy systemd the first question may have waited too long
        _code, output, _error = run(["systemd-analyze", "security", "--no-pager", place.unit])
        exposure = re.search(r"exposure level for \S+ ([0-9.]+)", output)
        if exposure:
            break
    return {
        "active": properties.get("ActiveState") == "active",
        "enabled": properties.get("UnitFileState") == "enabled",
        "exposure": float(exposure.group(1)) if exposure else None,
        "properties": properties,
    }


def restart_due(place: Place, run: Run) -> Json:
    """Return whether the running process is what the disk says."""
    state = _node.unit_state(place.unit, run)
    record = _node.load_json(_node.RECORD)
    reasons = _node.restart_reasons(place.layout, state, record)
    if _unit_addresses.due(place.unit, state, _unit_addresses.told_of_record(state, record)):
        reasons.append("the unit was not told its addresses")
    return {"recorded": bool(record), "reasons": reasons}
