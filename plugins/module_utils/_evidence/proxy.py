# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a proxy before Qdrant by its own host. As with nodes, this only observes, and has no opinion.

A proxy holds no key of Qdrant's, so none is asked with: what is sent as one is made up, and searched for in the log afterwards.
"""

from __future__ import annotations

import functools
import os
import re
import secrets as random
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate, _node, _wire
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import asking, files, process, tls, unit, ways
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import LOCAL_TIMEOUT, Json, Place, read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

RUN = "/run/qdrant-proxy"
BINARY = "/usr/sbin/nginx"
LOG = "qdrant_proxy"
LOGGED = 10.0  # seconds in which a request is in the journal
# Directives whose values say whether nodes are verified, and what is logged.
DIRECTIVES = (
    "proxy_pass grpc_pass proxy_ssl_verify grpc_ssl_verify proxy_ssl_name grpc_ssl_name proxy_ssl_trusted_certificate grpc_ssl_trusted_certificate "
    "access_log error_log ssl_verify_client client_max_body_size"
).split()
COPIES = {
    "nginx.conf": "nginx.conf",
    "upstream-ca.crt": "upstream-ca.crt",
    "client-ca.crt": "client-ca.crt",
    "tls/current/tls.crt": "tls.crt",
    "tls/current/ca.crt": "ca.crt",
}


def directives(text: str) -> dict[str, list[str]]:
    """Return the values of some directives of nginx.conf, in their order."""
    found: dict[str, list[str]] = {name: [] for name in DIRECTIVES}
    for line in text.splitlines():
        match = re.match(r"\s*([a-z_]+)\s+([^;{]+);", line)
        if match and match.group(1) in found:
            found[match.group(1)].append(match.group(2))
    return found


def upstreams(text: str) -> list[dict[str, t.Any]]:
    """Return the nodes' ports that a configuration names, with the name by which each is verified: [{address, port, name}]."""
    found = []
    for pattern, name in re.findall(r'"~\(\^\|, \| : \)(\S+)\$" "?([^\s";]+)"?;', text):
        address, _colon, port = pattern.replace("\\", "").rpartition(":")
        found.append({"address": address.strip("[]"), "port": int(port), "name": name})
    return found


def verified(entry: Json, trust: str) -> Json:
    """Return whether a node's port serves a certificate that verifies by its name, or why not."""
    tls = _wire.Tls(ca_file=trust, server_name=entry["name"])
    error = _wire.verification_error(_wire.Target(entry["address"], entry["port"]), tls, ["h2", "http/1.1"], LOCAL_TIMEOUT)
    return {**entry, "verifies": error is None, "why": error or ""}


def settings(place: Place) -> Json:
    """Return the settings of the process, from its own copy."""
    return directives(read(os.path.join(RUN, "current", "nginx.conf")))


def nodes(place: Place) -> list[Json]:
    trust = os.path.join(RUN, "current", "upstream-ca.crt")
    entries = [entry for entry in upstreams(read(os.path.join(RUN, "current", "nginx.conf"))) if entry["port"]]
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(lambda entry: verified(entry, trust), entries))


def started(place: Place) -> Json:
    """Return whether the process was given what is on disk."""
    pairs = {os.path.join(place.config_dir, disk): os.path.join(RUN, "current", copy) for disk, copy in COPIES.items()}
    pairs[place.layout.unit_file] = os.path.join(RUN, "started", "unit")
    pairs[BINARY] = os.path.join(RUN, "started", "nginx")
    return {"reasons": [f"{disk} changed" for disk, copy in pairs.items() if _node.digest(disk) != _node.digest(copy)]}


def _process(place: Place, run: Run) -> Json:
    """Return the master process as the kernel has it."""
    seen = process.observe(place, run, ())
    return {**seen, "exe_is_installed": process.same_file("/proc/%d/exe" % seen["pid"], BINARY)}


def _files(place: Place) -> Json:
    """Return owner, group and mode of the files."""
    current = os.path.realpath(os.path.join(RUN, "current"))
    trusted = [os.path.join(place.config_dir, "nginx.conf"), os.path.join(place.config_dir, "upstream-ca.crt"), place.layout.unit_file, BINARY]
    trusted += [os.path.join(place.install_dir, "libexec", "stage.py"), os.path.join(place.tls, "tls.key"), os.path.join(current, "nginx.conf")]
    return {
        "config": files.file(trusted[0]),
        "key": files.file(os.path.join(place.tls, "tls.key")),
        "tls_dir": files.file(os.path.join(place.config_dir, "tls")),
        "copy": files.file(os.path.join(current, "tls.key")),
        "copies": files.file(RUN),
        "changeable_by_others": files.changeable(path for path in trusted if os.path.exists(path)),
    }


def certificate(place: Place) -> Json:
    """Return the certificate on disk, and whether peers of the nodes would take it for one of theirs."""
    seen = tls.certificate_on_disk(place)
    chain = _certificate.load_certificates(read(os.path.join(place.tls, "tls.crt")))
    trusted = _certificate.load_certificates(read(os.path.join(place.config_dir, "upstream-ca.crt")))
    return {**seen, "opens_cluster_port": "clientAuth" in seen["purposes"] and _certificate.path(chain, trusted) is not None}


def _rest(place: Place, path: str, headers: dict[str, str] | None = None) -> _wire.RestAnswer:
    return _wire.rest(place.ports()["rest"], path, headers=headers, tls=ways.LOOKING, timeout=LOCAL_TIMEOUT)


def _hsts(place: Place) -> int:
    """Return seconds for which clients are told to come by TLS alone; 0 for none."""
    answer = _rest(place, "/")
    ways.status(answer)
    match = re.search(r"max-age=(\d+)", answer.headers.get("strict-transport-security", ""))
    return int(match.group(1)) if match else 0


def _grpc(place: Place, method: str) -> t.Any:
    """What a call without a key got: a status of gRPC, or of HTTP where the proxy answered in the node's place."""
    answer = _wire.grpc(place.ports()["grpc"], method, tls=ways.LOOKING, timeout=LOCAL_TIMEOUT)
    refused = re.match(r"protocol: HTTP (\d+) without", answer.error or "")
    return int(refused.group(1)) if refused else ways.status(answer)


def log(place: Place, run: Run) -> Json:
    """Return whether a request is logged, and whether the key is that came with it, in its header and behind its question mark."""
    marker, key = f"hardened-qdrant-{random.token_hex(8)}", f"canary-{random.token_hex(16)}"
    ways.status(_rest(place, f"/collections/{marker}?api-key={key}", {"api-key": key, "Authorization": "Bearer " + key}))
    deadline = _wire.Deadline(LOGGED)
    while True:
        time.sleep(0.25)
        code, output, error = run(["journalctl", "--no-pager", "--output=cat", "--since=-2min", "--unit", place.unit])
        if code != 0:
            raise OSError(error.strip() or "journalctl failed")
        lines = output.splitlines()
        if any(marker in line for line in lines) or deadline.over():
            break
    return {"logged": any(marker in line for line in lines), "keys": sum(key in line for line in lines)}


def observe(place: Place, paths: t.Iterable[str], methods: t.Iterable[str], run: Run) -> Json:
    """Return the evidence of a proxy. ``paths`` of REST and ``methods`` of gRPC are those that should be closed."""

    def asks_rest(path: str) -> t.Callable[[], t.Any]:
        return lambda: ways.status(_rest(place, path))

    questions: dict[tuple[str, ...], t.Callable[[], t.Any]] = {
        ("unit",): lambda: unit.observe(place, run),
        ("process",): lambda: _process(place, run),
        ("settings",): lambda: settings(place),
        ("nodes",): lambda: nodes(place),
        ("started",): lambda: started(place),
        ("files",): lambda: _files(place),
        ("certificate",): lambda: certificate(place),
        ("hsts",): lambda: _hsts(place),
        ("log",): lambda: log(place, run),
        ("anonymous", "rest"): asks_rest("/collections"),
        ("anonymous", "wrong"): lambda: ways.status(_rest(place, "/collections", {"api-key": random.token_urlsafe(32)})),
    }
    # What a port makes of clients' certificates shows in what it answers: nginx takes the handshake, and refuses the request.
    questions.update({where: question for where, question in tls.questions(place).items() if where[0] == "tls"})
    questions.update({("closed", "rest", path): asks_rest(path) for path in paths})
    if "grpc" in place.ports():
        questions.update({("closed", "grpc", method): functools.partial(_grpc, place, method) for method in methods})
        questions["anonymous", "grpc"] = lambda: _grpc(place, "/qdrant.Collections/List")
    return {"grpc": "grpc" in place.ports(), **asking.ask(questions)}
