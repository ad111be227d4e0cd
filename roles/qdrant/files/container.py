# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container's start needs of the host, and what must not stay after it: three steps of the node's systemd unit.

prepare  ExecStartPre=+  root: nothing left of an earlier container; copies of the secrets that the server's user can read, in memory; its folders, mounted
                         so that nothing in them can be executed; its network
stop     ExecStop=       the server is told to end, and given time
clear    ExecStopPost=+  root: container, network, copies and mounts are gone, so there is nothing that could be started around the unit

None of them touches a container or a network of the same name that somebody else made: a start that finds one fails and names it.

Needs nothing but Python 3.9's standard library. Messages go to the journal and never hold a secret.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shutil
import subprocess
import sys

CREDENTIALS = ("secrets.yaml", "tls.crt", "tls.key", "ca.crt")
OPTIONAL = ("outbound-ca.crt",)
NAME = "qdrant"  # of the container, and of its network
FOLDERS = ("storage", "snapshots")
# By what the unit's own are known: a label, or, of those from before there was one, what is mounted, and the interface on the host. In the collection's
# _marks.py as well.
LABEL = "hardened.qdrant"
FILES = "/run/hardened-qdrant/container/"
BRIDGE = "qdrant0"
PATIENCE = 60  # seconds for one command
# systemd gives a unit that has credentials mounts of its own, and the engine sees the host's.
ON_HOST = ("nsenter", "--target=1", "--mount")


def run(*command: str, check: bool = True, longer: int = 0) -> str:
    """Return what a command prints.

    :raises OSError: it failed, unless ``check`` is off, or did not end within PATIENCE and ``longer`` seconds.
    """
    try:
        result = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE + longer)
    except subprocess.TimeoutExpired:
        told = "%s did not end within %d seconds. See systemctl status docker containerd, and dmesg" % (" ".join(command[:3]), PATIENCE + longer)
        raise OSError(told) from None
    if check and result.returncode != 0:
        raise OSError("{}: {}".format(" ".join(command[:3]), result.stderr.strip()))
    return result.stdout.strip()


def named(kind: str) -> list:
    """Return the containers, or networks, of this name, as the engine has them."""
    listing = ["ps", "--all"] if kind == "container" else ["network", "ls"]
    ids = run("docker", *listing, "--no-trunc", "--quiet", "--filter", f"name=^/?{NAME}$").split()
    # A container that is on its way out may be gone by now; then the list is shorter.
    return json.loads(run("docker", kind, "inspect", *ids, check=False) or "[]") if ids else []


def own_container(found: dict) -> bool:
    """Return whether the unit made a container, by label or by what is mounted."""
    labels = found["Config"].get("Labels") or {}
    return LABEL in labels or any(str(mount.get("Source", "")).startswith(FILES) for mount in found.get("Mounts") or [])


def own_network(found: dict) -> bool:
    """Return whether the unit made a network, by label or by its interface on the host."""
    return LABEL in (found.get("Labels") or {}) or (found.get("Options") or {}).get("com.docker.network.bridge.name") == BRIDGE


def refuse_foreign(network: bool) -> None:
    """Make sure that nobody else has taken the names."""
    for found in named("container"):
        what = "a container named %s (of the image %s) is there that this unit did not make. Rename it: docker rename %s NAME; or remove it"
        raise OSError(what % (NAME, found["Config"].get("Image"), NAME))
    for _found in named("network") if network else []:
        raise OSError(f"a network named {NAME} is there that this unit did not make. Remove it if nothing needs it: docker network rm {NAME}")


def hand_over(folder: str, user: str) -> None:
    """Copy the credentials that systemd made for this start to where the container's user, and nobody else, can read them.

    ``folder`` lies below /run, which is memory, and in one that only root can enter.
    """
    entry = pwd.getpwnam(user)
    target = os.path.join(folder, "credentials")
    os.mkdir(target, 0o700)
    there = os.listdir(os.environ["CREDENTIALS_DIRECTORY"])
    for name in CREDENTIALS + tuple(name for name in OPTIONAL if name in there):
        with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], name), "rb") as source:
            content = source.read()
        with open(os.open(os.path.join(target, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as copy:
            copy.write(content)
            os.fchown(copy.fileno(), entry.pw_uid, entry.pw_gid)
    os.chmod(target, 0o500)
    os.chown(target, entry.pw_uid, entry.pw_gid)


def mount(folder: str, sources: list) -> None:
    """Mount data and snapshots a second time, with what Docker cannot say of a mount: nothing in there can be executed."""
    for name, source in zip(FOLDERS, sources):
        target = os.path.join(folder, name)
        os.mkdir(target, 0o700)
        run(*ON_HOST, "mount", "-o", "bind,nosuid,nodev,noexec", source, target)


def mounted(folder: str) -> list:
    """Return the mounts below a folder on the host, once for each time (proc(5), mountinfo)."""
    with open("/proc/1/mountinfo", encoding="utf-8") as file:
        return [line.split()[4] for line in file if line.split()[4].startswith(folder + "/")]


def prepare(arguments: argparse.Namespace) -> None:
    """Make what the container needs: credentials and folders that its user can read, and its network. Nothing of an earlier one stays."""
    clear(arguments)
    refuse_foreign(network=bool(arguments.subnet))
    os.makedirs(os.path.dirname(arguments.folder), mode=0o700, exist_ok=True)
    os.mkdir(arguments.folder, 0o700)
    hand_over(arguments.folder, arguments.user)
    mount(arguments.folder, arguments.sources)
    if arguments.subnet:
        # Named, for the firewall's rules name it; and containers in it, should anybody add one, do not reach each other.
        options = ["com.docker.network.bridge.name=" + arguments.bridge, "com.docker.network.bridge.enable_icc=false"]
        words = ["--label=" + LABEL] + [word for option in options for word in ("--opt", option)] + (["--internal"] if arguments.internal else [])
        run("docker", "network", "create", "--driver=bridge", "--subnet=" + arguments.subnet, "--gateway=" + arguments.gateway, *words, NAME)


def stop(arguments: argparse.Namespace) -> None:
    """Tell the server to end, and kill it after the given seconds."""
    for found in filter(own_container, named("container")):
        run("docker", "stop", "--time=%d" % arguments.time, found["Id"], longer=arguments.time)


def clear(arguments: argparse.Namespace) -> None:
    """Remove the unit's own container, network, mounts and copies of credentials."""
    for found in filter(own_container, named("container")):
        run("docker", "rm", "--force", "--volumes", found["Id"])
    for found in filter(own_network, named("network")):
        # Whatever somebody else put into it is none of ours, and must not keep the node from starting.
        for other in run("docker", "network", "inspect", "--format", "{{range .Containers}}{{.Name}} {{end}}", found["Id"]).split():
            run("docker", "network", "disconnect", "--force", found["Id"], other)
        run("docker", "network", "rm", found["Id"])
    for target in mounted(arguments.folder):
        run(*ON_HOST, "umount", target)
    if os.path.isdir(arguments.folder):
        # A folder whose mount is still there is not emptied: rmdir refuses.
        for name in FOLDERS:
            if os.path.isdir(os.path.join(arguments.folder, name)):
                os.rmdir(os.path.join(arguments.folder, name))
        shutil.rmtree(arguments.folder)


def main() -> int:
    """Run the step that the unit names; return 1 if it failed, with the reason in the journal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("prepare")
    step.set_defaults(run=prepare)
    step.add_argument("--user", required=True)
    step.add_argument("--bridge", default="")
    step.add_argument("--subnet", default="", help="none: no network of its own")
    step.add_argument("--gateway", default="")
    step.add_argument("--internal", action="store_true")
    step.add_argument("--folder", required=True)
    step.add_argument("sources", nargs=2, metavar="FOLDER", help="data, snapshots")
    step = steps.add_parser("stop")
    step.set_defaults(run=stop)
    step.add_argument("--time", type=int, required=True, help="seconds")
    step = steps.add_parser("clear")
    step.set_defaults(run=clear)
    step.add_argument("--folder", required=True)
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except Exception as error:  # a start that was prepared by half does not go on
        print(f"container: {arguments.step}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
