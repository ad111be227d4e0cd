# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on its own, without the playbooks: for one node, in a play of the user's."""

from __future__ import annotations

PLAY = """\
- hosts: qdrant
  become: true
  gather_facts: false
  roles:
    - role: hardened.qdrant.qdrant
"""


def test_the_role_does_what_site_does(deployment, tmp_path):
    """It finds nothing to do after site; and what it changes, site changes back."""
    play = tmp_path / "play.yml"
    play.write_text(PLAY)
    node = deployment.nodes[0]
    invocation = "systemctl show --value -p InvocationID qdrant"
    before = node.run(invocation)
    again = deployment.playbook(str(play))
    assert "changed=0 " in again.stdout and node.run(invocation) == before, again.stdout[-2000:]
    changed = deployment.playbook(str(play), "-e", '{"qdrant_config": {"log_level": "DEBUG"}}')
    assert "changed=0 " not in changed.stdout and node.run(invocation) != before
    assert "log_level: DEBUG" in node.run("cat /etc/qdrant/config.yaml")
    deployment.playbook("hardened.qdrant.site")
    assert "log_level: INFO" in node.run("cat /etc/qdrant/config.yaml")
