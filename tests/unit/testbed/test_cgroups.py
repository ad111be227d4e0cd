# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.tests.testbed.bed import cgroups
from ansible_collections.hardened.qdrant.tests.testbed.bed.shell import Failure

_HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
_UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"
_LEGACY = """\
tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
"""


def test_hybrid_machine() -> None:
    assert cgroups.source(_HYBRID) == "/sys/fs/cgroup/unified"


def test_version_2_machine() -> None:
    assert cgroups.source(_UNIFIED) == "/sys/fs/cgroup"


@pytest.mark.parametrize("mounts", [_LEGACY, "", "cgroup2 /mnt/elsewhere cgroup2 rw 0 0\n"])
def test_machine_without_version_2(mounts: str) -> None:
    with pytest.raises(Failure, match="mount -t cgroup2"):
        cgroups.source(mounts)
