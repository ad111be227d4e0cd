# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folder of this machine is the control group tree of a host."""

from __future__ import annotations

from .shell import Failure


def source(mounts: str) -> str:
    """The folder to mount as /sys/fs/cgroup of a host, from the text of /proc/mounts.

    systemd in a host wants a version 2 tree. On a machine with both versions (hybrid) that is a folder below
    /sys/fs/cgroup, on others it is /sys/fs/cgroup itself.

    :raises Failure: the machine has no version 2 tree.
    """
    trees = [fields[1] for fields in map(str.split, mounts.splitlines()) if len(fields) > 2 and fields[2] == "cgroup2"]
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if path in trees:
            return path
    raise Failure(
        "no cgroup2 tree below /sys/fs/cgroup: boot the machine with systemd.unified_cgroup_hierarchy=1, or"
        " mount one: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
    )
