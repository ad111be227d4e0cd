# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is anywhere that it should not be: the hunts of native nodes, and one through all that the engine keeps and tells."""

from __future__ import annotations

from test_secrets import (
    hunt,
    needles,
    test_no_file_of_a_node_holds_a_secret_but_the_allowed,
    test_no_journal_holds_a_secret,
    test_no_output_showed_a_secret,
    test_no_process_shows_a_secret_in_arguments_or_environment,
    test_only_root_can_read_what_is_secret,
    test_the_controller_keeps_no_secret_behind,
    test_the_hunt_finds_a_secret_that_is_there,
)

# The same as of native nodes.
__all__ = [
    "test_no_file_of_a_node_holds_a_secret_but_the_allowed",
    "test_no_journal_holds_a_secret",
    "test_no_output_showed_a_secret",
    "test_no_process_shows_a_secret_in_arguments_or_environment",
    "test_only_root_can_read_what_is_secret",
    "test_the_controller_keeps_no_secret_behind",
    "test_the_hunt_finds_a_secret_that_is_there",
]


def test_the_engine_keeps_no_secret(deployment):
    """Its folder is a file system of its own here, which the other hunts do not enter: settings of containers, their logs, their layers."""
    for node in deployment.nodes:
        assert node.run("find /var/lib/docker -xdev -name config.v2.json").strip(), "there is no container to look at"
        assert hunt(node, needles(deployment), "find /var/lib/docker -xdev -type f -size -20M -print0") == [], node.name


def test_the_engine_tells_no_secret(deployment):
    for node in deployment.nodes:
        told = "docker inspect qdrant; docker logs qdrant; docker info; docker events --since 1h --until 0s"
        listing = f"umask 077; {{ {told}; }} > /run/told 2>&1; printf '/run/told\\0'"
        try:
            assert hunt(node, needles(deployment), listing) == [], node.name
            assert "QDRANT_INIT_FILE_PATH" in node.run("cat /run/told")
        finally:
            node.run("rm -f /run/told")
