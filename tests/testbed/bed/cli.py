# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from . import artefact, doctor, engine, hosts, server, server_image
from .inventory import OUTSIDERS
from .shell import Failure


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, or 1 with a message on stderr."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except Failure as failure:
        print(f"testbed: {failure}", file=sys.stderr)
    except KeyboardInterrupt:
        print("testbed: interrupted; run the same command again, or `testbed down`", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="testbed",
        description="Real systemd hosts as containers, with an inventory for Ansible.",
        epilog="QDRANT_TEST_SERVER=FILE in the environment names another Qdrant server for the tests than the pinned one.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="create what is missing, start what is stopped, write the inventory")
    up.set_defaults(command=_up)
    up.add_argument("name", metavar="NAME")
    up.add_argument("--host", action="append", default=[], metavar="NAME=IMAGE", help="a node, e.g. node1=debian12 or node2=debian13")
    up.add_argument("--outsider", action="append", default=[], metavar="NAME=IMAGE", help="a host in no cluster")
    up.add_argument("--member", action="append", default=[], metavar="GROUP:NAME=IMAGE", help="a host in a group of its own, e.g. qdrant_proxy:proxy1=debian12")
    up.add_argument("--group", default="qdrant", help="the inventory's group of nodes (default: %(default)s)")
    up.add_argument("--output", type=Path, metavar="DIR", help="folder for the inventory (default: below the cache)")
    up.add_argument("--with", dest="extra", action="append", default=[], metavar="PACKAGE", help="install a Debian package in the hosts")
    up.add_argument("--docker-volume", action="store_true", help="give each host a volume at /var/lib/docker, for an engine of its own")

    down = commands.add_parser("down", help="remove a test bed")
    down.set_defaults(command=_down)
    which = down.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="NAME")
    which.add_argument("--all", action="store_true", help="remove every test bed")

    reset = commands.add_parser("reset", help="replace the hosts by fresh ones, with the same inventory")
    reset.set_defaults(command=_reset)
    reset.add_argument("name", metavar="NAME")

    commands.add_parser("list", help="show test beds and hosts").set_defaults(command=_list)

    execute = commands.add_parser("exec", help="run a command in a host, as root: testbed exec [TESTBED/]HOST -- COMMAND ...")
    execute.set_defaults(command=_exec)
    execute.add_argument("host", metavar="[TESTBED/]HOST")
    execute.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")

    commands.add_parser("doctor", help="say what is there and what lacks").set_defaults(command=lambda unused: doctor.report())
    which = commands.add_parser("server", help="print the Qdrant server that tests run, as JSON: path, version, sha256, advisories")
    which.add_argument("--version", action="store_true", help="print its version alone, and fetch nothing")
    which.set_defaults(command=_server)
    file = commands.add_parser("artefact", help="print the path of a file that tests need, the Qdrant server that they run unless another is named")
    file.add_argument("name", nargs="?", choices=sorted(artefact.ARTEFACTS), default="qdrant")
    file.set_defaults(command=_artefact)
    image = commands.add_parser("image", help="print the path of the server's container image, as an archive")
    image.add_argument("--with-cas", type=Path, metavar="FILE", help="give it this file as /etc/ssl/certs/ca-certificates.crt; without, it has no /etc/ssl")
    image.set_defaults(command=_image)
    return parser


def _up(options: argparse.Namespace) -> int:
    specs = [hosts.parse_spec(text, options.group) for text in options.host]
    specs += [hosts.parse_spec(text, OUTSIDERS) for text in options.outsider]
    specs += [hosts.parse_spec(text, group) for group, text in map(hosts.parse_member, options.member)]
    doubles = {spec.name for spec in specs if [other.name for other in specs].count(spec.name) > 1}
    if doubles:
        raise Failure(f"named twice: {', '.join(sorted(doubles))}")
    engine.ensure()
    hosts.up(options.name, specs, output=options.output, group=options.group, extra=options.extra, docker_volume=options.docker_volume)
    return 0


def _down(options: argparse.Namespace) -> int:
    engine.ensure()
    for name in hosts.names() if options.all else [options.name]:
        hosts.check_name(name)
        hosts.down(name)
    return 0


def _reset(options: argparse.Namespace) -> int:
    engine.ensure()
    hosts.reset(options.name)
    return 0


def _list(unused: argparse.Namespace) -> int:
    if engine.reachable():
        for testbed in (hosts.need(name) for name in hosts.names()):
            print(f"{testbed.name}  {testbed.subnets.ipv4}  {testbed.output}")
            for host in testbed.hosts:
                print(f"  {host.name:12} {host.image:9} {host.group:10} {host.ipv4:15} {host.state}")
    return 0


def _exec(options: argparse.Namespace) -> int:
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    testbed, _slash, name = options.host.rpartition("/")
    found = [host for bed in map(hosts.need, [testbed] if testbed else hosts.names()) for host in bed.hosts if host.name == name]
    if len(found) != 1:
        places = ", ".join(f"{host.testbed}/{host.name}" for host in found)
        raise Failure(f"{name} is in several test beds: say which, of {places}" if found else f"there is no host {options.host}")
    if not argv:
        raise Failure("say which command to run: testbed exec HOST -- COMMAND ...")
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    return subprocess.run(["docker", "exec", "--interactive", *terminal, found[0].container, *argv], check=False).returncode


def _server(options: argparse.Namespace) -> int:
    print(server.version() if options.version else json.dumps(server.at_hand().answer()))
    return 0


def _image(options: argparse.Namespace) -> int:
    cas = server_image.read_cas(options.with_cas) if options.with_cas else None
    engine.ensure()
    print(server_image.ensure(server.at_hand(), cas))
    return 0


def _artefact(options: argparse.Namespace) -> int:
    wanted = artefact.ARTEFACTS[options.name]
    print(server.at_hand().path if wanted is artefact.QDRANT else artefact.ensure(wanted))
    return 0
