# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates are renewed, and the CA is replaced, while clients read and write; killed runs included. The tests build on each other.

One load and one watch go on through all of them: what they saw is judged at the end.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from helpers import ENVIRONMENT, PROJECT, Watch
from load import Load, connect
from qdrant_client import models

ROTATE = "hardened.qdrant.rotate_certificates"
ROLLOVER = ("-e", "qdrant_tls_rollover=true")
RUN = 1800  # seconds for one run, which takes less than two minutes on a quiet machine
INVOCATION = "systemctl show --value -p InvocationID qdrant"
# The second and third phase take longer than this on the fastest machine that was tried, and the first one longer than half of it: so every kill
# finds the run at work.
LONGEST = 45.0  # seconds


@pytest.fixture(scope="module")
def watch(nodes, bundle):
    with Watch(nodes, bundle) as watch:
        yield watch


@pytest.fixture(scope="module")
def load(deployment, nodes, bundle, watch):
    load = Load([node.address for node in nodes], deployment.secrets["qdrant_api_key"], bundle)
    load.prepare()
    with load:
        yield load


def runs(nodes) -> list[str]:
    """What tells a start of each node from another."""
    return [node.run(INVOCATION).strip() for node in nodes]


def on_disk(node) -> dict[str, str]:
    """Digests of the files of the generation in use, and the issuer."""
    script = "cd /etc/qdrant/tls/current; sha256sum tls.crt tls.key ca.crt; openssl x509 -in tls.crt -noout -issuer -nameopt RFC2253; grep -c BEGIN ca.crt"
    lines = node.run(script).splitlines()
    return {**{line.split()[1]: line.split()[0] for line in lines[:3]}, "issuer": lines[3], "trusted": lines[4]}


def test_nothing_due_changes_and_restarts_nothing(deployment, nodes, load):
    before = runs(nodes)
    result = deployment.playbook(ROTATE)
    # The first run publishes the bundle under its name; from then on there is nothing to do.
    again = deployment.playbook(ROTATE)
    assert again.stdout.count("changed=0 ") == len(nodes), again.stdout[-1500:]
    assert "nothing is due before 20" in again.stdout and "due now" not in result.stdout
    assert runs(nodes) == before


def test_check_mode_says_what_is_due_and_changes_nothing(deployment, nodes, load):
    before, files = runs(nodes), [on_disk(node) for node in nodes]
    serial = nodes[1].run("openssl x509 -in /etc/qdrant/tls/current/tls.crt -noout -serial").strip().split("=")[1]
    result = deployment.playbook(ROTATE, "--check", "-e", f'{{"qdrant_tls_revoked": ["{serial}"]}}')
    assert result.stdout.count("due now: it was revoked") == 1 and result.stdout.count("nothing is due before 20") == len(nodes) - 1
    assert runs(nodes) == before and [on_disk(node) for node in nodes] == files


def test_a_single_copy_is_not_taken_away_unasked(deployment, nodes, load):
    client = connect(nodes[0].address, deployment.secrets["qdrant_api_key"], load._bundle, grpc=False)
    vectors = models.VectorParams(size=4, distance=models.Distance.DOT)
    client.create_collection("single", vectors_config=vectors, shard_number=1, replication_factor=1)
    try:
        before = runs(nodes)
        result = deployment.playbook(ROTATE, "-e", "qdrant_tls_force_renewal=true", check=False)
        assert result.returncode != 0 and "single copy: single." in result.stdout and "qdrant_accept_outage=true" in result.stdout
        assert "changed=1" not in result.stdout and runs(nodes) == before
    finally:
        client.delete_collection("single")


def test_leaves_are_renewed_one_node_at_a_time(deployment, nodes, load):
    before, files = runs(nodes), [on_disk(node) for node in nodes]
    deployment.playbook(ROTATE, "-e", "qdrant_tls_force_renewal=true", timeout=RUN)
    after = [on_disk(node) for node in nodes]
    assert not set(runs(nodes)) & set(before)
    for old, new in zip(files, after):
        assert old["tls.crt"] != new["tls.crt"] and old["tls.key"] != new["tls.key"] and old["ca.crt"] == new["ca.crt"]


def killed(deployment, moments, *words):
    """Replace the CA, killed by SIGKILL after each of these times, in seconds, and then once more to its end."""
    command = ["ansible-playbook", "-i", str(deployment.inventory), ROTATE, *ROLLOVER, *words]
    for moment in moments:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(moment)
        print("killed after {:.1f} s: {}".format(moment, "at work" if process.poll() is None else f"had ended with {process.returncode}"))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return deployment.playbook(ROTATE, *ROLLOVER, *words, timeout=RUN)


@pytest.fixture(scope="module")
def moments(kills):
    """When to kill: a third of the times in the first phase, in which a user stops, and the others in what comes after."""
    seed = int(os.environ.get("QDRANT_TEST_SEED", time.time()))
    print("QDRANT_TEST_SEED=%d repeats this" % seed)
    chance, first = random.Random(seed), max(1, kills // 3)
    return [chance.uniform(5.0, LONGEST / 2) for _number in range(first)], [chance.uniform(5.0, LONGEST) for _number in range(kills - first)]


def test_a_replacement_of_the_ca_stops_after_its_first_phase_if_asked(deployment, nodes, load, bundle, moments):
    """A user who stops there has a working cluster, whose clients trust both CAs."""
    deployment.playbook("hardened.qdrant.next_ca", "-e", f"qdrant_init_dir={deployment.inventory}", "-e", "qdrant_init_next_ca_name=second")
    old = on_disk(nodes[0])["issuer"]
    result = killed(deployment, moments[0], "-e", "qdrant_tls_rollover_until=trust")
    assert "Replace the CA, 1 of 3" in result.stdout
    assert len(_certificate.load_certificates(bundle.read_text(encoding="ascii"))) == 2
    for node in nodes:
        assert on_disk(node)["trusted"] == "2" and on_disk(node)["issuer"] == old, node.name
    before = runs(nodes)
    held = deployment.playbook(ROTATE)
    assert "in its phase 'trust', which this run keeps" in held.stderr + held.stdout and runs(nodes) == before


def test_the_next_run_goes_on_from_there_however_often_it_is_killed(deployment, nodes, load, vault, bundle, moments):
    killed(deployment, moments[1])
    for node in nodes:
        assert on_disk(node)["trusted"] == "1" and "second" in on_disk(node)["issuer"], node.name
        assert node.run("ls -A /etc/qdrant/tls/generations | grep -c pending", check=False).strip() == "0", node.name
    assert len(_certificate.load_certificates(bundle.read_text(encoding="ascii"))) == 1
    vault.promote()
    before = runs(nodes)
    again = deployment.playbook(ROTATE)
    assert again.stdout.count("changed=0 ") == len(nodes) and runs(nodes) == before, again.stdout[-1500:]


def test_no_request_failed_and_no_point_was_lost(load, nodes):
    time.sleep(1)
    print(load.summary())
    load.__exit__()
    assert load.failed == []
    for kind, book in load.books.items():
        assert book.wrong == [], kind
        assert load.done[kind] > 200, "%s made %d requests" % (kind, load.done[kind])
    assert sum(book.retries for book in load.books.values()) > 0, "no client noticed a restart"
    for node in nodes:
        for grpc in (False, True):
            assert load.differences(node.address, grpc) == [], node.name


def test_no_port_served_what_clients_could_not_verify(watch, nodes):
    looks = list(watch.looks())
    for node in nodes:
        for port in (6333, 6334, 6335):
            seen = [(leaf.serial_number, count) for address, at, leaf, _first, _last, count in looks if (address, at) == (node.address, port)]
            # The first certificate, the renewed one, and one from the next CA at least.
            assert len({serial for serial, _count in seen}) >= 3 and sum(count for _serial, count in seen) > 200, (node.name, port, seen)
    # The CA, both, the next one.
    assert len(watch.history) >= 3, "the bundle changed %d times" % len(watch.history)
    assert watch.violations() == []


def test_the_verdict_is_still_good(deployment):
    result = deployment.playbook("hardened.qdrant.verify")
    assert "VERIFIED" in result.stdout + result.stderr
