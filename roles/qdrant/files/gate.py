# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of a Qdrant node: three steps of its systemd unit. Any of them failing fails the unit.

record  ExecStartPre=+  root: write down what the process is about to be started with
check   ExecStartPre=   refuse secrets that would open Qdrant, whose configuration fails open, and settings from outside
probe   ExecStartPost=+ wait for the server, then make sure that it refuses strangers and knows its key

Messages go to the journal and never hold a secret.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pwd
import re
import ssl
import subprocess
import sys
import time

import _environment
import _wire

CREDENTIALS = ("secrets.yaml", "tls.crt", "tls.key", "ca.crt")
# A bundle of the user's, for outgoing connections; not every start has one.
OUTBOUND = "outbound-ca.crt"
MINIMUM_KEY_LENGTH = 16  # what could only be a mistake; the role itself asks for more
UNAUTHENTICATED = 16  # gRPC status codes, https://grpc.io/docs/guides/status-codes/
OK = 0
ADDRESSES = re.compile(rb"^IPAddressAllow=(.*)\n", re.MULTILINE)
PATIENCE = 60  # seconds for a program that only tells something
PAUSE = 0.1  # seconds between two looks at a server that is not up yet
ODD_ANSWERS = 10  # of a server that talks, but not as it should: a second, for one that is just starting


class Refused(Exception):
    """The node must not run like this."""


def credential(name: str) -> str:
    """Return path of the copy that systemd made for this start.

    After the start, systemd hides it from the unit's other steps, so it is read where the server sees it.
    """
    server = os.environ.get("MAINPID")
    root = f"/proc/{server}/root" if server else ""
    return os.path.join(root + os.environ["CREDENTIALS_DIRECTORY"], name)


def read(name: str) -> str:
    """Return the text of a credential."""
    with open(credential(name), encoding="ascii") as file:
        return file.read()


def first_certificate(pem: str) -> str:
    """Return the leaf, which comes first in a chain."""
    end = "-----END CERTIFICATE-----"
    return pem[: pem.index(end) + len(end)]


def become(user: str) -> None:
    """Give up root for good."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def record(arguments: argparse.Namespace) -> None:
    """Write the digests of everything that the process is started with.

    Credentials are read from systemd's copies: what counts is what the process gets, not what the disk says a moment later.
    """
    show = ["systemctl", "show", "--value", "--property=DropInPaths", "--", arguments.unit]
    try:
        drop_ins = subprocess.run(show, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout.split()
    except subprocess.TimeoutExpired:
        raise Refused("systemctl show did not end within %d seconds; systemctl list-jobs says what systemd waits for" % PATIENCE) from None
    files, addresses = {}, []
    for path in arguments.files + drop_ins:
        name = os.path.basename(path)
        source = credential(name) if name in (*CREDENTIALS, OUTBOUND) else path
        with open(source, "rb") as file:
            content = file.read()
        if path == "/etc/systemd/system/" + arguments.unit:
            # They can change without a restart, so they are kept apart.
            addresses = [word.decode("ascii") for value in ADDRESSES.findall(content) for word in value.split()]
            content = ADDRESSES.sub(b"", content)
        files[path] = hashlib.sha256(content).hexdigest()
    result = {
        "schema": 1,
        "invocation": os.environ["INVOCATION_ID"],
        "time": time.time(),
        "release": os.path.realpath(arguments.binary),
        "files": files,
        "addresses": addresses,
    }
    os.makedirs(os.path.dirname(arguments.record), mode=0o700, exist_ok=True)
    temporary = arguments.record + ".new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
    os.replace(temporary, arguments.record)


def service_secrets() -> dict:
    """Return the secrets of Qdrant's section ``service`` that this start hands over."""
    try:
        with open(credential("secrets.yaml"), encoding="utf-8") as file:
            service = json.load(file)["service"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"the secrets cannot be read ({type(error).__name__}), and Qdrant would run open") from None
    if not isinstance(service, dict):
        raise Refused("the secrets have no section 'service', and Qdrant would run open")
    return service


def check_outbound() -> None:
    """Refuse a start whose outgoing connections would trust what nobody chose, or nobody, for then Qdrant from 1.17.1 on ends at once."""
    path = os.environ.get("SSL_CERT_FILE", "")
    if path not in (credential("ca.crt"), credential(OUTBOUND)):
        raise Refused(f"SSL_CERT_FILE names {path!r}, which is none of this start's credentials: outgoing connections would trust what nobody chose")
    if "SSL_CERT_DIR" in os.environ:
        raise Refused("SSL_CERT_DIR is set, and outgoing connections would trust what lies in {!r}".format(os.environ["SSL_CERT_DIR"]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise Refused(f"credential {os.path.basename(path)} cannot be read as CAs ({error}), and Qdrant does not start without one") from None
    if not context.get_ca_certs():
        raise Refused(f"credential {os.path.basename(path)} holds no CA, and Qdrant does not start without one")


def check_environment(unit: str) -> None:
    """Refuse an environment that holds what the server would heed and the unit does not set: systemd hands the same one to this step and to the server."""
    names = _environment.foreign(os.environ)
    if names:
        raise Refused(
            "the unit's environment holds {}, which the server would heed before its files, and which the unit does not set so. If systemctl show-environment "
            "has it, systemctl unset-environment NAME takes it away, and DefaultEnvironment= of systemd's manager brings it back; else systemctl cat {} shows "
            "the drop-in with Environment=, EnvironmentFile= or PassEnvironment=. What you want to set belongs into qdrant_config".format(
                ", ".join(names), unit
            )
        )


def check(arguments: argparse.Namespace) -> None:
    """Refuse secrets that open Qdrant, files that are empty, settings from outside, and trust that nobody chose."""
    if arguments.environment:
        check_environment(arguments.environment)
    secrets = service_secrets()
    for name in ["api_key"] + [key for key in ("read_only_api_key", "alt_api_key") if key in secrets]:
        value = secrets.get(name)
        if not isinstance(value, str) or len(value.strip()) < MINIMUM_KEY_LENGTH:
            raise Refused(f"{name} is missing or too short, and Qdrant would run open")
    for name in CREDENTIALS:
        if not os.path.getsize(credential(name)):
            raise Refused(f"credential {name} is empty")
    if arguments.outbound:
        check_outbound()


ENDED = "the server has ended by itself; its last words are above"


def has_ended() -> bool:
    """Return whether the server that this start made is gone, or a process that nobody has taken leave of yet (proc(5), stat: Z).

    Of another user's process, as is the command that waits for a container, /proc may hide all: it lives as long as it can be named.
    """
    server = os.environ.get("MAINPID")
    if not server:
        return False
    try:
        os.kill(int(server), 0)
        with open(f"/proc/{server}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("Z", "X")
    except ProcessLookupError:
        return True
    except OSError:
        return False


# Of a container that is not up yet: there is no way to its address, or whoever publishes its ports has nobody to pass a connection on to.
CONTAINER_NOT_UP = ("reset", "unreachable", "tls: UNEXPECTED_EOF_WHILE_READING")


def wait_for_server(target, tls, seconds: float, not_up: tuple = ()):
    """Return the first answer to an anonymous REST request that needs a key, once the server answers at all.

    A server that is not up yet refuses connections or is silent, and may take its time. One that talks, but not as it should, is not
    waited for: it may be open. ``not_up`` are beginnings of further errors that only say that it is not up.
    """
    deadline = time.monotonic() + seconds
    odd = 0
    while True:
        answer = _wire.rest(target, "/collections", tls=tls)
        if answer.error and has_ended():
            raise Refused(ENDED)
        if answer.error is None:
            return answer
        if answer.error not in ("refused", "timeout"):
            if _wire.plaintext(target) == "answered":
                raise Refused("REST on port %d answers without TLS" % target.port)
            odd += not answer.error.startswith(not_up)
        if odd >= ODD_ANSWERS or time.monotonic() > deadline:
            raise Refused("REST on port %d did not answer as it should (%s)" % (target.port, answer.error))
        time.sleep(PAUSE)


def probe(arguments: argparse.Namespace) -> None:
    """Make sure that strangers are refused, the key is known, and the certificate is ours, on every port."""
    address, ports = arguments.address, {"REST": arguments.http_port, "gRPC": arguments.grpc_port, "p2p": arguments.p2p_port}
    ports = {name: port for name, port in ports.items() if port}
    # Only root can read credentials in this step. They are read first, and then root is given up.
    tls = _wire.Tls(ca_data=read("ca.crt"))
    ours = hashlib.sha256(ssl.PEM_cert_to_DER_cert(first_certificate(read("tls.crt")))).hexdigest()
    key = {"api-key": service_secrets()["api_key"]}
    become(arguments.user)
    rest, grpc = _wire.Target(address, arguments.http_port), _wire.Target(address, arguments.grpc_port)

    anonymous = wait_for_server(rest, tls, arguments.timeout, CONTAINER_NOT_UP if arguments.container else ())
    if anonymous.status != 401:
        raise Refused(f"REST answered a request without a key with HTTP {anonymous.status} instead of 401")
    status = _wire.rest(rest, "/collections", headers=key, tls=tls)
    if status.status != 200:
        raise Refused(f"REST answered a request with the API key with HTTP {status.status} instead of 200")
    if arguments.grpc_port:
        expect_grpc(grpc, {}, tls, UNAUTHENTICATED, "a call without a key")
        expect_grpc(grpc, key, tls, OK, "a call with the API key")

    for name, port in ports.items():
        target = _wire.Target(address, port)
        without_tls = _wire.plaintext(target)
        if without_tls != "silent":
            raise Refused("%s on port %d: a request without TLS was not turned away but ended as: %s" % (name, port, without_tls))
        served = _wire.served_certificate(target)
        if served.sha256 != ours:
            raise Refused("%s on port %d does not serve this node's certificate (%s)" % (name, port, served.error or "it serves another"))


def expect_grpc(target, metadata: dict, tls, wanted: int, what: str) -> None:
    """Make sure that gRPC, which may come up a moment after REST, answers with a status."""
    deadline = time.monotonic() + 10
    answer = _wire.grpc(target, metadata=metadata, tls=tls)
    while answer.error is not None and time.monotonic() < deadline:
        time.sleep(PAUSE)
        answer = _wire.grpc(target, metadata=metadata, tls=tls)
    if answer.status != wanted:
        raise Refused("gRPC answered %s with status %s (%s) instead of %d" % (what, answer.status, answer.error, wanted))


def parse(words: list) -> argparse.Namespace:
    """Return the step, as ``run``, and what the unit says to it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("record")
    step.set_defaults(run=record)
    step.add_argument("--record", default="/run/hardened-qdrant/started.json")
    step.add_argument("--unit", required=True)
    step.add_argument("--binary", required=True)
    step.add_argument("files", nargs="+")
    step = steps.add_parser("check")
    step.set_defaults(run=check)
    # A unit that an earlier version of the role wrote does not say these, and must start until it is written anew.
    step.add_argument("--outbound", action="store_true", help="SSL_CERT_FILE is one of this start's credentials")
    step.add_argument("--environment", metavar="UNIT", help="the server gets the environment of this step, which is this unit's")
    step = steps.add_parser("probe")
    step.set_defaults(run=probe)
    step.add_argument("--user", required=True)
    step.add_argument("--address", required=True)
    step.add_argument("--http-port", type=int, required=True)
    step.add_argument("--grpc-port", type=int, default=0)
    step.add_argument("--p2p-port", type=int, default=0)
    step.add_argument("--container", action="store_true", help="the server is in a container")
    step.add_argument("--timeout", type=int, default=300, help="seconds")
    return parser.parse_args(words)


def main() -> int:
    """Run the step that the unit names; return 1 if the node must not run, with the reason in the journal."""
    arguments = parse(sys.argv[1:])
    try:
        arguments.run(arguments)
    except Refused as refusal:
        print(f"gate: {refusal}", file=sys.stderr)
    except Exception as error:  # whatever it is, a gate that cannot judge stays shut
        # Of a server that ends while it is asked, files of /proc vanish: they are not the cause.
        what = ENDED if has_ended() else f"cannot judge, so the node stays down: {type(error).__name__}: {error}"
        print(f"gate: {what}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
