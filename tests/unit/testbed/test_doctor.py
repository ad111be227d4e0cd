# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.hardened.qdrant.tests.testbed.bed import doctor


def test_lacking_options() -> None:
    config = "".join(f"CONFIG_{name}={value}\n" for name, value in zip(doctor._KERNEL, "ymymymymym"))
    assert not doctor.lacking_options(config)
    assert doctor.lacking_options(config.replace("CONFIG_IPV6=m", "# CONFIG_IPV6 is not set").replace("CONFIG_IPV6=y", "# CONFIG_IPV6 is not set")) == ["IPV6"]
    # A longer name that starts alike is another option.
    assert "NF_TABLES" in doctor.lacking_options("CONFIG_NF_TABLES_INET=y\n")


def test_a_finding_reads_as_a_line() -> None:
    assert str(doctor.Finding("ssh", True, "/usr/bin/ssh")) == "ok     ssh: /usr/bin/ssh"
    assert str(doctor.Finding("ssh", False, "install it")) == "LACKS  ssh: install it"
