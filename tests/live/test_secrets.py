# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is anywhere that it should not be: a hunt with grep, on the hosts and in what Ansible printed."""

from __future__ import annotations

import re
from pathlib import Path

# Where a host may hold secrets: files of root's alone.
ALLOWED = ("/etc/qdrant/secrets.yaml",)
# What a container is handed for its start, in memory, and in a folder that root alone can enter.
COPIES = "/run/hardened-qdrant/container/"


def needles(deployment) -> list[str]:
    """Strings that betray a secret: the keys, and a line from the middle of the CA's private key."""
    lines = deployment.secrets["qdrant_tls_ca_private_key"].split()
    body = max((line for line in lines if not line.startswith("-")), key=len)
    return [deployment.secrets["qdrant_api_key"], deployment.secrets["qdrant_read_only_api_key"], body]


def hunt(host, needles, listing: str) -> list[str]:
    """The files of a listing (a shell command that prints paths, NUL-separated) that hold a needle.

    The needles travel on standard input, into a file that only root can read: never as arguments, where the hunt would find itself.
    """
    patterns = "\n".join(needles)
    script = (
        "set -eu; umask 077; list=$(mktemp -p /run); trap 'rm -f $list' EXIT\n"
        f"cat > $list <<'NEEDLES'\n{patterns}\nNEEDLES\n"
        f'{{ {listing}; }} | xargs -0 -r grep -slaF -f $list 2>/dev/null | grep -v "^$list$" || true\n'
    )
    return host.run(script).split()


def test_the_hunt_finds_a_secret_that_is_there(deployment):
    """A hunt that cannot find anything proves nothing."""
    node = deployment.nodes[0]
    found = hunt(node, needles(deployment), "find /etc/qdrant -type f -print0")
    assert found == list(ALLOWED)


def test_no_file_of_a_node_holds_a_secret_but_the_allowed(deployment):
    for node in deployment.nodes:
        found = hunt(node, needles(deployment), "find / -xdev -type f -size -20M -print0; find /run /tmp /var/tmp /dev/shm -type f -print0")
        # systemd's own copies for the unit, which only the unit's user can read; and of a container, those for its user.
        found = [path for path in found if not path.startswith(("/run/credentials/qdrant.service/", COPIES))]
        assert sorted(set(found)) == sorted(ALLOWED), node.name


def test_no_process_shows_a_secret_in_arguments_or_environment(deployment):
    for node in deployment.nodes:
        listing = "for pid in /proc/[0-9]*; do printf '%s\\0%s\\0' $pid/cmdline $pid/environ; done"
        assert hunt(node, needles(deployment), listing) == [], node.name


def test_no_journal_holds_a_secret(deployment):
    for node in deployment.nodes:
        listing = "journalctl --no-pager -o export > /run/journal.export; chmod 600 /run/journal.export; printf '/run/journal.export\\0'"
        try:
            assert hunt(node, needles(deployment), listing) == [], node.name
        finally:
            node.run("rm -f /run/journal.export")


def test_only_root_can_read_what_is_secret(deployment):
    for node in deployment.nodes:
        listed = node.run(
            "find /etc/qdrant/secrets.yaml /etc/qdrant/tls /run/hardened-qdrant -xdev -printf '%m %u %g %y %p\\n'; "
            "find /var/lib/qdrant -maxdepth 1 -mindepth 1 -printf '%m %u %g %y %p\\n'"
        )
        for line in listed.splitlines():
            mode, owner, _group, kind, path = line.split(" ", 4)
            if kind != "l":
                assert int(mode, 8) & 0o077 == 0, f"{node.name}: {line}"
            assert owner == ("qdrant" if path.startswith(("/var/lib/qdrant/", COPIES)) else "root"), f"{node.name}: {line}"


def test_the_controller_keeps_no_secret_behind(deployment):
    """Neither in Ansible's temporary folder, nor anywhere in the inventory but encrypted."""
    wanted = [needle.encode() for needle in needles(deployment)]
    folders = [Path.home() / ".ansible", deployment.inventory]
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path.stat().st_size < 20 << 20:
                content = path.read_bytes()
                assert not any(needle in content for needle in wanted), path


def test_no_output_showed_a_secret(deployment):
    """The scenario's whole log so far, which Molecule's configuration takes with -vvv --diff: check mode, converge, second run."""
    log = deployment.inventory.parent / "ansible.log"
    text = log.read_text(encoding="utf-8", errors="replace")
    assert re.search(r"config.yaml", text) and "ok=" in text, "this is no log of a converge"
    # As printed, and as the callback wraps or escapes it.
    for needle in needles(deployment):
        assert needle not in text.replace("\\n", "\n"), "a secret was printed"
