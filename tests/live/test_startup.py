# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers of all versions read when they start is there, where the server is: read from within its root, by its user."""

from __future__ import annotations

import functools
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
CONTRACT = yaml.safe_load((HERE / "startup.yml").read_text(encoding="utf-8"))


def read_inside(host, paths) -> dict[str, dict[str, str]]:
    """What the server of a host sees of files, by path: {text} or {error}."""
    host.put(str(HERE / "startup_probe.py"), "/run/startup_probe.py")
    return json.loads(host.run("python3 /run/startup_probe.py {}".format(" ".join(map(shlex.quote, paths)))))


@pytest.fixture(scope="module")
def seen(deployment):
    """By node what its server sees; asked once."""
    return functools.cache(lambda number: read_inside(deployment.nodes[number], [entry["path"] for entry in CONTRACT]))


@pytest.mark.parametrize("entry", CONTRACT, ids=[entry["path"] for entry in CONTRACT])
def test_the_server_finds_what_it_reads(deployment, seen, entry):
    for number, node in enumerate(deployment.nodes):
        found = seen(number)[entry["path"]]
        assert re.search(entry["holds"], found.get("text", "")), "{}: a server{} {}: {} ({})".format(
            node.name, " since {}".format(entry["since"]) if "since" in entry else "", entry["without"], found, entry["source"]
        )  # fmt: skip


def test_it_finds_nothing_of_the_host_beside(deployment):
    """Or else the test above would pass for a server that is not confined."""
    paths = ["/etc/shadow", "/etc/ssl/certs/ca-certificates.crt", "/proc/kallsyms", "/proc/cmdline", "/proc/sys/kernel/osrelease", "/proc/1/status"]
    for node in deployment.nodes:
        seen = read_inside(node, paths)
        assert [path for path in paths if "error" not in seen[path]] == [], node.name
