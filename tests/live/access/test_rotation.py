# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys are rotated under load, a rotation that is killed goes on, and a revocation ends everything at once. After each, the hunt for leaks.

The tests follow one another: each starts with the keys that the one before left.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _tokens
from conftest import ENVIRONMENT, PROJECT
from load import NAME, Client, Load
from qdrant_client import models
from server import name as server_version
from server import since
from support import change_vault, leaks, make_alternate_key, put_new_keys_into_the_vault, tokens
from test_data import eventually

NAMES = ("qdrant_api_key", "qdrant_read_only_api_key")
# Where there is a better way, a cut-over must be asked for.
CUT_OVER = ("-e", "qdrant_rotation_cut_over=true") if since("1.17.0") else ()


@pytest.fixture(scope="module")
def state(deployment, tmp_path_factory) -> dict:
    """The keys in force, everything that was ever secret, what runs printed, and a folder."""
    keys = {name: deployment.secrets[name] for name in NAMES}
    if not (deployment.inventory.parent / "tokens").exists():  # where the tests before did not make them
        deployment.playbook("hardened.qdrant.tokens")
    made = {"keys": keys, "tokens": tokens(deployment), "secret": list(keys.values()), "outputs": [], "folder": tmp_path_factory.mktemp("keys")}
    made["secret"] += made["tokens"]
    return made


def statuses(deployment, secret: str, path: str = "/collections") -> list:
    """What each node answers, REST and gRPC."""
    tls = _wire.Tls(ca_file=deployment.ca)
    found: list = []
    for node in deployment.nodes:
        found.append(_wire.rest(_wire.Target(node.address, 6333), path, headers={"api-key": secret}, tls=tls, timeout=30).status)
        found.append(_wire.grpc(_wire.Target(node.address, 6334), metadata={"api-key": secret}, tls=tls, timeout=30).status)
    return found


def everywhere(deployment, rest: int, grpc: int) -> list:
    return [rest, grpc] * len(deployment.nodes)


def invocations(deployment) -> list[str]:
    with ThreadPoolExecutor() as pool:
        return [text.strip() for text in pool.map(lambda node: node.run("systemctl show -p InvocationID --value qdrant"), deployment.nodes)]


def run(deployment, state, *arguments: str, check: bool = True, playbook: str = "rotate_api_keys") -> str:
    result = deployment.playbook(f"hardened.qdrant.{playbook}", "-vvv", "--diff", *arguments, check=check, timeout=1500)
    state["outputs"].append(result.stdout + result.stderr)
    return result.stdout + result.stderr


def start_and_kill_after_the_first_node(deployment, *arguments: str, playbook: str = "rotate_api_keys") -> None:
    """A run that is killed when one node was restarted."""
    before = invocations(deployment)
    process = subprocess.Popen(
        ["ansible-playbook", "-i", str(deployment.inventory), f"hardened.qdrant.{playbook}", *arguments],
        cwd=PROJECT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 400
        while invocations(deployment) == before:
            assert process.poll() is None and time.monotonic() < deadline, "the run ended before it restarted a node"
            time.sleep(0.2)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert sum(old != new for old, new in zip(before, invocations(deployment))) < len(before), "some nodes are left to do"


def start_and_kill_before_the_tokens(deployment) -> None:
    """A rotation that is killed when every node runs the new keys, and no token was made."""
    before = invocations(deployment)
    process = subprocess.Popen(
        ["ansible-playbook", "-i", str(deployment.inventory), "hardened.qdrant.rotate_api_keys"],
        cwd=PROJECT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if "PLAY [Report the downtime" in line:
                break
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert all(old != new for old, new in zip(before, invocations(deployment))), "every node was restarted"


def signed_by(deployment, key: str) -> bool:
    """Whether this key signed all tokens that there are."""
    return all(_tokens.claims_of(token, key) is not None for token in tokens(deployment))


# What a node asks another one, which changes nothing; and, on a node, with its own certificate and these headers, the status of every node's answer.
ASK_PEERS = """
import json, subprocess, sys
sys.path.insert(0, "/opt/qdrant/libexec")
import _wire
folder = "/run/credentials/qdrant.service/"
tls = _wire.Tls(ca_file=folder + "ca.crt", certificate=folder + "tls.crt", key=folder + "tls.key")
headers = {"api-key": json.load(open(folder + "secrets.yaml"))["service"]["api_key"]} if %r else {}
for address in %r:
    print(_wire.grpc(_wire.Target(address, 6335), "/qdrant.QdrantInternal/GetConsensusCommit", metadata=headers, tls=tls, timeout=30).status)
"""


def peers_answer(deployment, with_the_key: bool) -> list[int]:
    """What the cluster port of each node answers to the first node's certificate, with its key or without one."""
    script = ASK_PEERS % (with_the_key, [node.address for node in deployment.nodes])
    return [int(line) for line in deployment.nodes[0].run(f"python3 - <<'X'\n{script}\nX\n").split()]


def make_collection(client: Client) -> None:
    """A collection for the load, which no restart of a node keeps from working."""

    def make(connection) -> None:
        connection.delete_collection(NAME)
        vectors = models.VectorParams(size=2, distance=models.Distance.DOT)
        connection.create_collection(NAME, vectors_config=vectors, shard_number=2, replication_factor=3, write_consistency_factor=1)

    eventually(lambda: client.request(make), 180)


def wait_for_points(deployment, key: str, points: set[int], seconds: float = 90) -> None:
    """Until every node has every point. One copy acknowledges a write here (write_consistency_factor), so the others may follow a moment later."""
    reader = Client(deployment, [key], prefer_grpc=False)
    deadline = time.monotonic() + seconds
    for node in deployment.nodes:
        while missing := points - reader.points(node):
            assert time.monotonic() < deadline, "%s lacks %d of %d points, such as %s" % (node.name, len(missing), len(points), sorted(missing)[:5])
            time.sleep(1)


def wait_for_requests(load: Load, more: int = 5) -> None:
    """Until every client was served so often once more, or one failed."""
    enough = {entry: load.done[entry] + more for entry in load.clients}
    while any(load.done[entry] < wanted for entry, wanted in enough.items()) and not load.failed:
        time.sleep(0.2)


# From 1.18 on nodes ask each other for keys, and the next test is the one for that.
def was_cut_over(deployment, state, load: Load, old: dict[str, str], new: dict[str, str]) -> None:
    """What was written is there, the old keys and tokens are dead on every node, the new ones live, and none of them leaked."""
    wait_for_points(deployment, new["qdrant_api_key"], set(load.written))
    for name in NAMES:
        assert statuses(deployment, old[name]) == everywhere(deployment, 401, 16), name
        assert statuses(deployment, new[name]) == everywhere(deployment, 200, 0), name
    fresh = tokens(deployment)
    for before, after in zip(state["tokens"], fresh):
        assert statuses(deployment, before) == everywhere(deployment, 403, 7)
        assert statuses(deployment, after) == everywhere(deployment, 200, 0) and _tokens.claims_of(after, new["qdrant_api_key"])
    state.update(keys=new, tokens=fresh)
    state["secret"] += fresh
    assert leaks(deployment, state["secret"], state["outputs"]) == []


@pytest.mark.until("1.18.0")
def test_a_rolling_cut_over_under_load_fails_no_request_of_a_client_with_both_keys(deployment, state):
    old = dict(state["keys"])
    make_collection(Client(deployment, [old["qdrant_api_key"]], prefer_grpc=False))
    new = put_new_keys_into_the_vault(deployment, state["folder"], 1)
    state["secret"] += new.values()
    with Load(deployment, [old["qdrant_api_key"], new["qdrant_api_key"]]) as load:
        wait_for_requests(load)
        start_and_kill_after_the_first_node(deployment, *CUT_OVER)
        output = run(deployment, state, *CUT_OVER)
        wait_for_requests(load)
    tries = {entry: dict(client.tries) for entry, client in load.clients.items()}
    print(f"requests: {dict(load.done)}, tries: {tries}")
    assert load.failed == []
    for entry, found in tries.items():
        assert found.get("key 0", 0) >= 5 and found.get("key 1", 0) >= 5, f"{entry}: both keys were needed: {found}"
    assert "CUT-OVER of qdrant_api_key, one node at a time" in output
    assert ("It was asked for" if since("1.17.0") else f"{server_version()} has no alternate key") in output
    assert "this one goes on with the others" in output and "VERIFIED" in output
    assert "shop (" in output and "Tokens that the old key signed end with it" in output

    was_cut_over(deployment, state, load, old, new)


@pytest.mark.since("1.18.0")
@pytest.mark.parametrize("playbook", ["rotate_api_keys", "site"])
def test_a_cut_over_of_nodes_that_ask_each_other_for_keys_is_refused_one_at_a_time(deployment, state, playbook):
    """One would be shut out. Nothing is changed by what is refused, neither by a rotation nor by a deployment."""
    before, old = invocations(deployment), deployment.secrets["qdrant_api_key"]
    new = json.dumps({"qdrant_api_key": old[::-1]})
    output = run(deployment, state, "-e", new, check=False, playbook=playbook)
    assert "set the new key as qdrant_alt_api_key" in output and "qdrant_restart_strategy=parallel" in output
    output = run(deployment, state, "-e", new, "-e", "qdrant_rotation_cut_over=true", check=False, playbook=playbook)
    assert "refuse each other's key" in output and "nothing was changed" in output
    output = run(
        deployment, state, "-e", new, "-e", "qdrant_rotation_cut_over=true", "-e", "qdrant_restart_strategy=parallel", "--limit", "node1", check=False,
        playbook=playbook,
    )  # fmt: skip
    assert "host node2, node3: they are no part of this run" in output
    assert invocations(deployment) == before and statuses(deployment, old) == everywhere(deployment, 200, 0)


@pytest.mark.since("1.18.0")
def test_a_cut_over_of_nodes_that_ask_each_other_for_keys_in_one_pass(deployment, state):
    old = dict(state["keys"])
    make_collection(Client(deployment, [old["qdrant_api_key"]], prefer_grpc=False))
    new = put_new_keys_into_the_vault(deployment, state["folder"], 1)
    state["secret"] += new.values()
    with Load(deployment, [old["qdrant_api_key"], new["qdrant_api_key"]]) as load:
        wait_for_requests(load)
        # By the deployment's own playbook, which does what the rotation's does.
        output = run(deployment, state, *CUT_OVER, "-e", "qdrant_restart_strategy=parallel", playbook="site")
        wait_for_requests(load)
    assert load.failed == []
    assert "CUT-OVER of qdrant_api_key, all nodes at once" in output and "all of them restart at once" in output and "VERIFIED" in output
    assert "shop (" in output and "Tokens that the old key signed end with it" in output
    was_cut_over(deployment, state, load, old, new)


def test_afterwards_there_is_nothing_to_rotate(deployment, state):
    """Check mode, which says what a run would do, and does nothing."""
    before = invocations(deployment)
    output = run(deployment, state, "--check")
    assert "Nothing to rotate" in output and "changed=1" not in output and invocations(deployment) == before


def test_a_revocation_that_would_keep_a_key_is_refused_before_any_change(deployment, state):
    before = invocations(deployment)
    output = run(deployment, state, "-e", "qdrant_revoke_now=true", check=False)
    assert "qdrant_revoke_now" in output and "is still wanted" in output and "nothing was changed" in output
    assert invocations(deployment) == before and "changed=1" not in output
    assert statuses(deployment, state["keys"]["qdrant_api_key"]) == everywhere(deployment, 200, 0)


def test_a_revocation_ends_every_key_and_token_in_one_pass(deployment, state):
    old, dead = dict(state["keys"]), list(state["tokens"])
    new = put_new_keys_into_the_vault(deployment, state["folder"], 2)
    state["secret"] += new.values()
    output = run(deployment, state, "-e", "qdrant_revoke_now=true")
    assert "REVOCATION" in output and output.count("was down for") >= len(deployment.nodes)
    rolling = output.index("Restart outdated nodes, one at a time")
    assert "no hosts matched" in output[rolling : rolling + 300], "one pass over all nodes, not one after the other"
    for secret in old.values():
        assert statuses(deployment, secret) == everywhere(deployment, 401, 16)
    for token in dead:
        assert statuses(deployment, token) == everywhere(deployment, 403, 7)
    for secret in (*new.values(), *tokens(deployment)):
        assert statuses(deployment, secret) == everywhere(deployment, 200, 0)
    state["secret"] += tokens(deployment)
    state.update(keys=new)


@pytest.mark.since("1.18.0")
def test_nodes_start_to_ask_each_other_for_keys_under_load(deployment, state):
    """Off, as in a cluster that was upgraded from 1.17, and on again: one node after the other, killed in between, and no request fails."""
    key = state["keys"]["qdrant_api_key"]
    make_collection(Client(deployment, [key], prefer_grpc=False))
    assert peers_answer(deployment, with_the_key=False) == [16, 16, 16] and peers_answer(deployment, with_the_key=True) == [0, 0, 0]
    off = {
        "qdrant_config": {"service": {"enforce_internal_auth": False}},
        "qdrant_accepted_risks": [{"risk": "no-internal-auth", "reason": "This is what is tried."}],
    }
    output = run(deployment, state, "-e", json.dumps(off), check=False, playbook="site")
    assert "auth-p2p-anonymous" in output, "the control says so"
    assert peers_answer(deployment, with_the_key=False) == [0, 0, 0]
    with Load(deployment, [key]) as load:
        wait_for_requests(load)
        start_and_kill_after_the_first_node(deployment, playbook="site")
        wait_for_requests(load)
        assert sorted(peers_answer(deployment, with_the_key=False)) == [0, 0, 16], "one node asks, and the others are no strangers to it"
        assert "VERIFIED" in run(deployment, state, playbook="site")
        wait_for_requests(load)
    print(f"requests: {dict(load.done)}")
    assert load.failed == []
    assert peers_answer(deployment, with_the_key=False) == [16, 16, 16] and peers_answer(deployment, with_the_key=True) == [0, 0, 0]
    wait_for_points(deployment, key, set(load.written))


@pytest.mark.since("1.17.0")
def test_three_phases_under_load_fail_no_request_of_a_client_with_one_key(deployment, state):
    """The new key is deployed as the alternate, clients move, it is promoted, and the old one retired: no client ever holds two, and none is refused.

    Each phase is killed after its first node, and goes on. The words are those of docs/access.md.
    """
    old = state["keys"]["qdrant_api_key"]
    new = make_alternate_key(deployment, state["folder"], 3)
    state["secret"].append(new)
    make_collection(Client(deployment, [old], prefer_grpc=False))
    with Load(deployment, [old]) as load:
        wait_for_requests(load)
        change_vault(deployment, qdrant_alt_api_key=new)
        start_and_kill_after_the_first_node(deployment)
        assert "Phase 1 of 3, DEPLOY" in run(deployment, state)
        assert statuses(deployment, old) == statuses(deployment, new) == everywhere(deployment, 200, 0)
        assert signed_by(deployment, new)
        moved = tokens(deployment)
        assert "Phase 1 of 3 is done" in run(deployment, state) and tokens(deployment) == moved, "a second run leaves tokens with the key that stays"
        for client in load.clients.values():
            client.move(new)
        wait_for_requests(load)
        change_vault(deployment, qdrant_api_key=new, qdrant_alt_api_key=old)
        start_and_kill_after_the_first_node(deployment)
        # The deployment's own playbook goes on with it.
        assert "Phase 2 of 3, PROMOTE" in run(deployment, state, playbook="site")
        assert statuses(deployment, old) == everywhere(deployment, 200, 0) and tokens(deployment) == moved
        run(deployment, state)
        assert tokens(deployment) == moved, "a run after the second phase leaves them too"
        change_vault(deployment, qdrant_alt_api_key=None)
        start_and_kill_after_the_first_node(deployment)
        output = run(deployment, state)
        assert "Phase 3 of 3, RETIRE" in output and "live on. Of qdrant_access: shop (" in output and "This run makes them anew" not in output
        wait_for_requests(load)
    tries = {entry: dict(client.tries) for entry, client in load.clients.items()}
    print(f"requests: {dict(load.done)}, tries: {tries}")
    assert load.failed == []
    assert not any(refusal in found for found in tries.values() for refusal in ("REST 401", "REST 403", "gRPC UNAUTHENTICATED", "gRPC PERMISSION_DENIED"))
    assert statuses(deployment, old) == everywhere(deployment, 401, 16) and statuses(deployment, new) == everywhere(deployment, 200, 0)
    for token in moved:
        assert statuses(deployment, token) == everywhere(deployment, 200, 0)
    assert tokens(deployment) == moved
    state["secret"] += moved
    state["keys"]["qdrant_api_key"] = new


@pytest.mark.since("1.17.0")
def test_a_first_phase_that_is_killed_before_the_tokens_signs_them_in_the_next_run(deployment, state):
    old, new = state["keys"]["qdrant_api_key"], make_alternate_key(deployment, state["folder"], 4)
    state["secret"].append(new)
    change_vault(deployment, qdrant_alt_api_key=new)
    start_and_kill_before_the_tokens(deployment)
    assert signed_by(deployment, old)
    assert "Phase 1 of 3 is done" in run(deployment, state) and signed_by(deployment, new)
    state["secret"] += tokens(deployment)
    # The way back: the new key is given up, and its tokens with it.
    change_vault(deployment, qdrant_alt_api_key=None)
    output = run(deployment, state)
    assert "Phase 3 of 3, RETIRE" in output and "Tokens that the old key signed end with it. Of qdrant_access: shop (" in output
    assert signed_by(deployment, old) and statuses(deployment, new) == everywhere(deployment, 401, 16)
    state["secret"] += tokens(deployment)


def test_nothing_of_all_this_leaked(deployment, state):
    """The whole disk of each node, what every run printed at -vvv --diff, and the controller. A hunt that finds nothing must be able to."""
    # Three pairs of keys with the tokens of each, and where there are three phases, a key with its tokens, and one with its tokens that was given up for
    # new tokens of the one before. Counted first: a failure shows no secret.
    known, different, expected = len(state["secret"]), len(set(state["secret"])), 3 * (2 + 3) + (1 + 3 + 1 + 3 + 3 if since("1.17.0") else 0)
    assert known == different == expected
    log = (deployment.inventory.parent / "ansible.log").read_text(encoding="utf-8", errors="replace")
    assert len(list((deployment.inventory.parent / "facts").glob("*"))) > 0, "the fact cache is in use, and so it is hunted through"
    assert leaks(deployment, state["secret"], [*state["outputs"], log], everywhere=True) == []


def test_the_hunt_finds_what_is_planted(deployment, state):
    node, secret = deployment.nodes[0], state["secret"][0]
    # By standard input, like the needles: the test's own command line is hunted through as well.
    node.run(f"umask 077; cat > /var/tmp/planted <<'X'\n{secret}\nX\n")
    try:
        assert leaks(deployment, [secret], [f"an output with {secret} in it"]) == ["output 0", f"{node.name}: /var/tmp/planted"]
    finally:
        node.run("rm -f /var/tmp/planted")
