# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The confinement costs the server nothing: the same binary with the same settings, as root without a wall on the same host, answers every call alike.

What differs is written down here, with the reason, and must differ.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import typing as t

import pytest
import server
from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _calls
from ansible_collections.hardened.qdrant.tests.live.access.cells import ABSENT, DESTROYS, LASTING, A, Asked

BARE = "/var/lib/bare"
REST, GRPC = 16333, 16334
INTERNAL = 13
# Asked of neither: what they change stays, in a file that comes before the settings, or in the log of a node that others test as well.
NOT_ASKED = {"PUT /quotas", "POST /logger"}
# Calls that end otherwise in the confinement, with the reason and what they end with.
REFUSED = {
    **dict.fromkeys((f"/qdrant.StorageRead/{method}" for method in ("FileLength", "ReadBytes", "ReadBytesStream", "ReadWhole", "ReadBatch")), INTERNAL),
    # It traces its own threads, from a process that it makes: system calls to debug with are nobody's here. The connection is closed, the server lives on.
    "GET /stacktrace": None,
}
# Whose body depends on what was asked before, and how long that took: the status alone counts.
VARIES = {"GET /profiler/slow_requests", "GET /telemetry", "GET /cluster/telemetry"}
POINTS = [{"id": number, "vector": [number % 97 / 97, 1.0], "payload": {"name": f"name-{number % 7}", "number": number}} for number in range(3000)]

PREPARE = f"""
mkdir -p {BARE}/config
python3 - <<'END'
import re
text = open("/etc/qdrant/config.yaml").read()
for key, value in {{"host": "%(address)s", "http_port": {REST}, "grpc_port": {GRPC}, "enable_tls": "false", "storage_path": "{BARE}/storage",
                   "snapshots_path": "{BARE}/snapshots", "dir": "{BARE}/storage/audit"}}.items():
    text = re.sub(r"(?m)^(\\s+%%s: ).*$" %% key, lambda found: found[1] + str(value), text)
open("{BARE}/config/config.yaml", "w").write(re.sub(r"(?m)^tls:\\n(?:  .*\\n)*", "", text))
END
systemd-run --quiet --collect --unit=bare --property=WorkingDirectory={BARE} --property=LimitNOFILE=$(prlimit --nofile --noheadings --output=SOFT \
  --pid $(systemctl show --property=MainPID --value qdrant)) --setenv=RUN_MODE=production --setenv=SSL_CERT_FILE=/etc/qdrant/tls/current/ca.crt \
  /opt/qdrant/current/qdrant --disable-telemetry --config-path=/etc/qdrant/secrets.yaml
for _try in $(seq 150); do [ -z "$(ss -Hltn 'sport = :{GRPC}')" ] || exit 0; sleep 0.2; done
journalctl --unit=bare --no-pager >&2
exit 1
"""


ID = re.compile(r"\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Pair(t.NamedTuple):
    """The node's server, and a bare one."""

    ours: Asked
    bare: Asked
    key: str

    def rest(self, asked: Asked, method: str, path: str, body: t.Any = None) -> t.Any:
        """Return the result of a request that must succeed."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"api-key": self.key, "content-type": "application/json"}
        answer = _wire.rest(asked.rest, path, method=method, headers=headers, body=content, tls=asked.tls, timeout=60)
        assert answer.status == 200, (path, answer)
        return json.loads(answer.body)["result"] if answer.body.startswith(b"{") else answer.body.decode()

    def both(self, method: str, path: str, body: t.Any = None) -> tuple[t.Any, t.Any]:
        return self.rest(self.ours, method, path, body), self.rest(self.bare, method, path, body)


@pytest.fixture(scope="module")
def node(deployment):
    return deployment.nodes[0]


@pytest.fixture(scope="module")
def pair(deployment, node):
    tls = _wire.Tls(ca_file=deployment.ca)
    ours = Asked(_wire.Target(node.address, 6333), _wire.Target(node.address, 6334), tls)
    bare = Asked(_wire.Target(node.address, REST), _wire.Target(node.address, GRPC))
    found = Pair(ours, bare, deployment.secrets["qdrant_api_key"])
    try:
        # Both anew, so that neither has a past.
        node.run("systemctl reset-failed qdrant; systemctl restart qdrant")
        node.run(PREPARE % {"address": node.address})
        for method, path, body in (
            (
                "PUT",
                f"/collections/{A}",
                {"vectors": {"size": 2, "distance": "Dot"}, "optimizers_config": {"indexing_threshold": 10, "default_segment_number": 2}},
            ),
            ("PUT", f"/collections/{A}/index?wait=true", {"field_name": "name", "field_schema": "keyword"}),
            ("PUT", f"/collections/{A}/points?wait=true", {"points": POINTS}),
        ):
            found.both(method, path, body)
        for asked in (ours, bare):
            deadline = time.monotonic() + 60
            while found.rest(asked, "GET", f"/collections/{A}")["status"] != "green" and time.monotonic() < deadline:
                time.sleep(0.2)
        yield found
    finally:
        # With the snapshots that were asked for: they would stay when their collection is gone.
        node.run(f"systemctl stop bare 2>/dev/null; rm -rf {BARE} /var/lib/qdrant/snapshots/{A} /var/lib/qdrant/snapshots/full-snapshot-*")
        for path in (f"/collections/{A}", "/collections/restored"):
            with contextlib.suppress(AssertionError):
                found.rest(ours, "DELETE", path)


def shape(value: t.Any) -> t.Any:
    """Return what a value looks like: names and kinds, of a list or of what has ids for names each kind of entry once."""
    if isinstance(value, dict) and any(ID.fullmatch(name) for name in value):
        value = list(value.values())
    if isinstance(value, dict):
        return {name: shape(entry) for name, entry in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json.dumps(shape(entry), sort_keys=True) for entry in value})
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def fields(body: bytes) -> list[int]:
    """Return the numbers of the fields of a message of protobuf, each once (https://protobuf.dev/programming-guides/encoding/)."""

    def number(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            value |= (body[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not body[at - 1] & 0x80:
                return value, at

    found, at = set(), 0
    while at < len(body):
        tag, at = number(at)
        found.add(tag >> 3)
        if tag & 7 == 0:
            at = number(at)[1]
        elif tag & 7 == 2:
            length, at = number(at)
            at += length
        else:
            at += 4 if tag & 7 == 5 else 8
    return sorted(found)


def seen(asked: Asked, call: _calls.Call, key: str) -> tuple[int | None, t.Any]:
    """Return the status of an answer and what it looks like."""
    answer = asked.answer(key, call, ABSENT if call.call in DESTROYS else A)
    if call.port == "grpc":
        return answer.status, fields(answer.body) if answer.status == 0 else re.sub(r"\d+(\.\d+)?", "0", answer.message)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "application/json" and call.call not in VARIES:
        return answer.status, shape(json.loads(answer.body))
    return answer.status, kind


def test_every_call_of_the_version_is_answered_alike(pair):
    calls = sorted((call for call in _calls.of(server.name()) if call.port != "p2p" and call.call not in NOT_ASKED), key=lambda call: call.method == "DELETE")
    assert len(calls) > 100 and NOT_ASKED <= LASTING
    answers = {call.call: (seen(pair.ours, call, pair.key), seen(pair.bare, call, pair.key)) for call in calls}
    different = {name: both for name, both in answers.items() if both[0] != both[1] and name not in REFUSED}
    assert different == {}
    # A build may lack the means to trace itself; then neither does.
    refused = {name: both[0][0] for name, both in answers.items() if both[0] != both[1] and name in REFUSED}
    assert refused == {name: REFUSED[name] for name in refused}


@pytest.mark.since("1.18.0")
def test_what_reads_by_io_uring_is_refused(pair):
    """The one difference that is meant: qdrant_io_uring is off."""
    listed = _wire.grpc(pair.ours.grpc, "/qdrant.StorageRead/ListFiles", metadata={"api-key": pair.key}, message=path_of("wal/open"), tls=pair.ours.tls)
    assert listed.status == 0
    statuses = []
    for asked in (pair.ours, pair.bare):
        log = re.search(
            rb"wal/open-\d+",
            _wire.grpc(asked.grpc, "/qdrant.StorageRead/ListFiles", metadata={"api-key": pair.key}, message=path_of("wal/open"), tls=asked.tls).body,
        )
        message = path_of(log[0].decode()) + b"\x28\x10"
        statuses.append(_wire.grpc(asked.grpc, "/qdrant.StorageRead/ReadBytes", metadata={"api-key": pair.key}, message=message, tls=asked.tls).status)
    assert statuses == [INTERNAL, 0]


def path_of(path: str) -> bytes:
    """A message of StorageRead about a file of the collection's first shard."""
    return b"\x0a%c%s\x10\x00\x1a%c%s" % (len(A), A.encode(), len(path), path.encode())


def test_it_shows_the_same_metrics(pair):
    ours, bare = (set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)) for text in pair.both("GET", "/metrics"))
    assert ours == bare and {"process_open_fds", "process_threads"} <= ours


def test_it_knows_the_memory_and_its_limits(pair):
    """Quotas of memory would never trip, and the allocator would take the host for one without memory to spare."""
    answers = pair.both("GET", "/telemetry?details_level=10")
    for answer in answers:
        # Which distribution the host has is none of the server's business: its root holds no /etc/os-release.
        for name in ("distribution", "distribution_version"):
            answer["app"]["system"].pop(name, None)
    assert shape(answers[0]["app"]) == shape(answers[1]["app"]), [answer["app"]["system"] for answer in answers]
    ours, bare = (answer["app"]["system"] for answer in answers)
    assert ours["ram_size"] == bare["ram_size"] > 0 and ours["cores"] == bare["cores"]
    # An older server looks for the disk among the mounts of the host, and finds none in its root.
    assert not server.since("1.19.0") or (ours["disk_size"] > 0 and bare["disk_size"] > 0)
    metrics = [dict(re.findall(r"^(\w+) ([\d.e+]+)$", text, re.MULTILINE)) for text in pair.both("GET", "/metrics")]
    assert metrics[0]["process_max_fds"] == metrics[1]["process_max_fds"]
    maps = [float(one["process_open_mmaps"]) for one in metrics]
    assert maps[0] < 2 * maps[1]


@pytest.mark.since("1.19.0")
def test_quotas_know_the_memory_in_use(pair):
    for quotas in pair.both("GET", "/quotas"):
        assert isinstance(quotas["usage"]["resident_memory_percent"], int), quotas


def test_a_restore_takes_the_disk_space_that_it_takes_bare(pair, node):
    """Files are moved into the data. Copies would fill the holes of sparse ones."""
    folders = ("/qdrant/snapshots", "/var/lib/qdrant/storage"), (f"{BARE}/snapshots", f"{BARE}/storage")
    taken = []
    for asked, (snapshots, storage) in zip((pair.ours, pair.bare), folders, strict=True):
        name = pair.rest(asked, "POST", f"/collections/{A}/snapshots")["name"]
        pair.rest(asked, "PUT", "/collections/restored/snapshots/recover?wait=true", {"location": f"file://{snapshots}/{A}/{name}", "priority": "snapshot"})
        pair.rest(asked, "DELETE", f"/collections/{A}/snapshots/{name}")
        taken.append([int(node.run(f"du -s --block-size=1K {storage}/collections/{collection} | cut -f1")) for collection in (A, "restored")])
    (_ours, ours), (_bare, bare) = taken
    assert ours < 1.3 * bare + 512, taken
