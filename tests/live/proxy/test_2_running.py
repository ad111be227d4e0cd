# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the proxies while they run: nodes that stop, certificates that change, strangers in a node's place, settings of the user's."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from conftest import ENVIRONMENT, PROJECT
from fixtures import collection, key, proxies, proxy
from proxied import settings, wait_for
from proxied_connection import Connection
from proxied_load import Load
from test_refusals import snapshot

# Fixtures.
__all__ = ["collection", "key", "proxies", "proxy"]

CASES = yaml.safe_load((Path(__file__).parents[1] / "bad_inputs/proxy.yml").read_text(encoding="utf-8"))


def processes(proxies) -> list[str]:
    """What tells one start of each proxy from another."""
    return [entry.host.run("systemctl show -p MainPID -p InvocationID qdrant-proxy") for entry in proxies]


def test_requests_go_on_while_a_node_is_away(deployment, proxy, key, collection):
    node = deployment.nodes[0]
    clients = [proxy.client(key), proxy.client(key, prefer_grpc=True)]
    node.run("systemctl stop qdrant")
    try:
        for number in range(20):
            for client in clients:
                assert len(client.query_points(collection, query=[1.0, 1.0], limit=3).points) == 3, number
    finally:
        node.run("systemctl start qdrant")
    status = wait_for(lambda: proxy.get(f"/collections/{collection}", headers={"api-key": key}), 60)
    assert status.status_code == 200


def test_requests_go_on_while_one_node_after_the_other_is_away(deployment, proxy, key, collection):
    """As in a rolling restart. nginx leaves a node alone for a while when it was away, and has to ask it all the same when the other one goes."""
    clients = [proxy.client(key), proxy.client(key, prefer_grpc=True)]

    def ask() -> None:
        for client in clients:
            for _number in range(6):
                assert len(client.query_points(collection, query=[1.0, 1.0], limit=3).points) == 3

    for node in deployment.nodes:
        # Its ports are closed at once; until its last connection has ended may take a while, and is not waited for.
        node.run("systemctl stop --no-block qdrant")
        try:
            wait_for(lambda node=node: not node.run("ss -tlnH 'sport = 6333 or sport = 6334'"))
            ask()
        finally:
            node.run("systemctl start qdrant")  # ends when both ports answer


def test_a_certificate_is_renewed_under_load_without_a_failed_request(deployment, proxies, proxy, key, collection):
    before = [entry.served(port) for entry in proxies for port in (entry.rest, entry.grpc)]
    running = processes(proxies)
    started = time.time()
    with Load(proxy, key, collection) as load:
        wait_for(lambda: len(load.done) == 4, 60)
        result = deployment.playbook("hardened.qdrant.proxy", "-e", "qdrant_tls_force_renewal=true")
        renewed = dict(load.done)
        wait_for(lambda: all(load.done[kind] > renewed[kind] + 10 for kind in renewed), 60)
    print("%d requests, tried again: %s" % (sum(load.done.values()), load.retried))
    assert load.failed == []
    after = [entry.served(port) for entry in proxies for port in (entry.rest, entry.grpc)]
    assert not set(before) & set(after)
    for entry, served in zip(proxies, after[::2]):
        disk = entry.host.run("openssl x509 -in /etc/qdrant-proxy/tls/current/tls.crt -outform DER | sha256sum").split()[0]
        assert disk == hashlib.sha256(served).hexdigest()
    # A reload, not a restart.
    assert processes(proxies) == running
    # One copy acknowledges a write; the other may follow a moment later.
    wait_for(lambda: proxy.client(key).count(collection).count >= len(load.written), 60)
    assert "changed=0" in result.stdout, "the nodes are left alone"
    assert "emerg" not in proxy.log(started)


@pytest.mark.parametrize("what", ["another CA", "another node's name"])
def test_a_stranger_in_a_nodes_place_is_refused(deployment, proxy, key, what):
    """By hand on the proxy's host: then no node's certificate verifies."""
    folder = "/etc/qdrant-proxy"
    file = "upstream-ca.crt" if what == "another CA" else "nginx.conf"
    proxy.host.run(f"cp -p {folder}/{file} /run/kept")
    try:
        if what == "another CA":
            proxy.host.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj '/CN=Qdrant cluster CA' "
                           f"-out {folder}/upstream-ca.crt -days 2 2>/dev/null")  # fmt: skip
        else:
            proxy.host.run(f'sed -i -E \'/^ +"~\\(\\^/{{s/ "node1";/ swapped;/;s/ "node2";/ "node1";/;s/ swapped;/ "node2";/}}\' {folder}/nginx.conf')
        proxy.host.run("systemctl reload qdrant-proxy")
        wait_for(lambda: proxy.get("/collections", headers={"api-key": key}).status_code == 502)
        with pytest.raises(Exception, match="UNAVAILABLE"):
            proxy.client(key, prefer_grpc=True).get_collections()
    finally:
        proxy.host.run(f"mv /run/kept {folder}/{file}; systemctl reload qdrant-proxy")
    wait_for(lambda: proxy.get("/collections", headers={"api-key": key}).status_code == 200)


def test_a_connection_made_during_a_reload_does_not_outlive_it(proxy):
    """Its handshake begins before the reload and ends after it.

    nginx 1.22 and 1.26 do not tell such a connection to end, and it would go by the settings of before, whoever these trusted. By hand, with
    less time than it has otherwise.
    """
    proxy.host.run(
        "cp -p /etc/qdrant-proxy/nginx.conf /run/kept; "
        "sed -i -E 's/(worker_shutdown_timeout) .*/\\1 12s;/;s/(keepalive_time) .*/\\1 6s;/' /etc/qdrant-proxy/nginx.conf; systemctl reload qdrant-proxy"
    )
    try:
        with ThreadPoolExecutor(1) as pool, Connection(proxy) as connection:
            reloaded = pool.submit(proxy.host.run, "systemctl reload qdrant-proxy")
            wait_for(lambda: "shutting down" in proxy.host.run("pgrep -fa 'nginx: worker' || true"))
            connection.shake_hands()
            began = time.monotonic()
            while connection.ask():
                assert not reloaded.done(), "the reload ended before what it replaced"
                assert time.monotonic() - began < 11, "only the end of its worker ends it"
                time.sleep(0.5)
            assert connection.answers and connection.goaway == 0, "it was not ended in order"
            reloaded.result()
        assert "shutting down" not in proxy.host.run("pgrep -fa 'nginx: worker'")
    finally:
        proxy.host.run("mv /run/kept /etc/qdrant-proxy/nginx.conf; systemctl reload qdrant-proxy")


def test_broken_settings_are_never_used(proxy, key):
    """A reload that fails leaves what runs, and what it has, as they were."""
    proxy.host.run("cp -p /etc/qdrant-proxy/nginx.conf /run/kept; echo 'nonsense;' >> /etc/qdrant-proxy/nginx.conf")
    try:
        assert proxy.host.run("systemctl reload qdrant-proxy 2>/dev/null; echo $?").strip() != "0"
        assert proxy.get("/collections", headers={"api-key": key}).status_code == 200
        assert "nonsense" not in proxy.host.run("cat /run/qdrant-proxy/current/nginx.conf")
    finally:
        proxy.host.run("mv /run/kept /etc/qdrant-proxy/nginx.conf; systemctl reload qdrant-proxy")


def test_clients_come_and_go_show_certificates_and_are_slowed_down(deployment, proxies, proxy, key, tmp_path):
    """A client more, certificates of their own CA, revoked ones, and a rate, all in one run that restarts nothing."""
    newcomer, running = deployment.outsiders[0], processes(proxies)

    def let_in() -> list[bool]:
        tries = ["timeout 2 bash -c '</dev/tcp/%s/%d' 2>/dev/null; echo $?" % (entry.host.address, entry.rest) for entry in proxies]
        return [code == "0" for code in newcomer.run("\n".join(tries)).split()]

    assert let_in() == [False, False]
    folder = tmp_path / "clients"
    names = json.dumps({"qdrant_client_names": ["shop", "gone"], "qdrant_client_dir": str(folder)})
    deployment.playbook("hardened.qdrant.client_certificates", "-e", names)
    again = deployment.playbook("hardened.qdrant.client_certificates", "-e", names)
    assert "changed=0" in again.stdout
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600} and len(list(folder.iterdir())) == 4
    gone = subprocess.run(["openssl", "x509", "-in", str(folder / "gone.crt"), "-noout", "-serial"], check=True, capture_output=True, text=True).stdout
    stranger = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=shop",
         "-keyout", str(tmp_path / "stranger.key"), "-out", str(tmp_path / "stranger.crt")], check=True, capture_output=True,
    )  # fmt: skip
    assert stranger.returncode == 0

    def status(name: str | None, place: Path = folder) -> int:
        pair = (str(place / (name + ".crt")), str(place / (name + ".key"))) if name else None
        return dataclasses.replace(proxy, certificate=pair).get("/collections", headers={"api-key": key}).status_code

    assert status(None) == 200
    wanted = {
        "qdrant_proxy_client_ca": "{{ qdrant_client_ca_certificate }}",
        "qdrant_proxy_client_revoked": [gone.strip().partition("=")[2]],
        "qdrant_proxy_rate": 1,
        "qdrant_proxy_burst": 10,
        "qdrant_proxy_clients": [*proxy.host.vars["qdrant_proxy_clients"], newcomer.address],
    }
    try:
        with settings(deployment, **wanted):
            deployment.playbook("hardened.qdrant.proxy")
            assert deployment.playbook("hardened.qdrant.proxy").stdout.count("changed=0 ") == len(deployment.nodes) + 1
        assert let_in() == [True, True]
        assert status(None) == 400
        assert status("stranger", tmp_path) == 400
        assert status("gone") == 403
        wait_for(lambda: status("shop") == 200)
        assert "CN=shop" in proxy.log(time.time() - 60)
        seen = [status("shop") for _number in range(30)]
        assert 429 in seen, seen
    finally:
        deployment.playbook("hardened.qdrant.proxy")
    wait_for(lambda: status(None) == 200)
    assert let_in() == [False, False]
    assert processes(proxies) == running


def test_what_needs_a_restart_restarts_one_proxy_after_the_other(deployment, proxies):
    """So that clients have one to go to. A limit of the unit's is such a thing, and takes effect however often the unit was started before."""
    for entry in proxies:
        # As often as the unit's start limit allows.
        entry.host.run("systemctl reset-failed qdrant-proxy; for _start in 1 2 3 4 5; do systemctl restart qdrant-proxy; done")
    running = processes(proxies)

    def times() -> list[tuple[int, int]]:
        """When each proxy went away last, and when it was back: microseconds of the machine's clock, which test hosts share."""
        names = ("InactiveEnterTimestampMonotonic", "ActiveEnterTimestampMonotonic")
        return sorted(tuple(int(entry.host.run(f"systemctl show -P {name} qdrant-proxy")) for name in names) for entry in proxies)

    try:
        with settings(deployment, qdrant_proxy_limit_nofile=8192):
            deployment.playbook("hardened.qdrant.proxy")
        assert not set(running) & set(processes(proxies))
        (_first_away, first_back), (second_away, _second_back) = times()
        assert first_back <= second_away
    finally:
        deployment.playbook("hardened.qdrant.proxy")
        for entry in proxies:
            entry.host.run("systemctl reset-failed qdrant-proxy")  # what follows starts them by hand


def inventory(deployment, folder: Path, hosts: dict) -> Path:
    """The scenario's nodes and variables, with other proxies before them, all of them the clean host."""
    clean = deployment.outsiders[0]

    def connection(host) -> dict:
        return {**{name: value for name, value in host.vars.items() if name.startswith("ansible_")}, "qdrant_address": host.address}

    nodes = {node.name: {**connection(node), "qdrant_firewall_clients": [clean.address]} for node in deployment.nodes}
    proxies = {name: {**connection(clean), **own} for name, own in hosts.items()}
    path = folder / "hosts.yml"
    path.write_text(json.dumps({"all": {"children": {"qdrant": {"hosts": nodes}, "qdrant_proxy": {"hosts": proxies}}}}), encoding="utf-8")
    shutil.copytree(deployment.inventory / "group_vars", folder / "group_vars")
    return path


@pytest.fixture(scope="module")
def outcome(deployment, tmp_path_factory):
    """All bad inputs in one run: they are hosts of one play, and the first refusal ends it before the next play begins."""
    clean = deployment.outsiders[0]
    before = snapshot(clean)
    folder = tmp_path_factory.mktemp("proxies")
    node_ca = deployment.nodes[0].vars["qdrant_tls_ca_certificate"]
    cases = {case["name"]: {name: node_ca if value == "the nodes' CA" else value for name, value in case["vars"].items()} for case in CASES}
    path = inventory(deployment, folder, cases)
    # All of them are one host, whose SSH takes few new connections at once.
    environment = {**ENVIRONMENT, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_SSH_RETRIES": "8", "ANSIBLE_FORKS": "4"}
    command = ["ansible-playbook", "-i", str(path), "hardened.qdrant.proxy"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=400)
    (folder / "output").write_text(result.stdout + result.stderr, encoding="utf-8")
    output = json.loads(result.stdout[result.stdout.index("{") :])
    tasks = [task for play in output["plays"] for task in play["tasks"]]
    messages = {host: str(seen.get("msg")) for task in tasks for host, seen in task["hosts"].items() if seen.get("failed")}
    return result, messages, before, snapshot(clean)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_bad_input_is_refused_with_its_message(outcome, case):
    result, messages, _before, _after = outcome
    assert result.returncode != 0
    for fragment in case["expect"]:
        assert fragment in messages.get(case["name"], ""), messages.get(case["name"]) or sorted(messages)


def test_no_host_was_changed_by_refused_input(outcome):
    _result, _messages, before, after = outcome
    assert "/etc/passwd" in before and after.splitlines() == before.splitlines()


def test_check_mode_predicts_on_a_clean_host_and_changes_nothing(deployment, tmp_path):
    clean = deployment.outsiders[0]
    path = inventory(deployment, tmp_path, {"clean": {}})
    before = snapshot(clean)
    result = subprocess.run(["ansible-playbook", "-i", str(path), "hardened.qdrant.proxy", "--check", "--diff"],
                            capture_output=True, text=True, check=False, cwd=PROJECT, env=ENVIRONMENT, timeout=400)  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    assert "proxy_ssl_verify on" in result.stdout and "qdrant-proxy.service" in result.stdout
    assert not any(secret in result.stdout for secret in deployment.secrets.values())
    assert snapshot(clean).splitlines() == before.splitlines()
