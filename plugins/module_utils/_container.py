# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a node's container and of the engine that runs it. Observes and has no opinion.

Source: what `docker inspect`, `docker network inspect` and `docker info` print, in the shapes of Docker's API.
"""

from __future__ import annotations

import json
import os
import stat
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

NAME = "qdrant"  # of the container, and of its network
SOCKET = "/run/docker.sock"
# Calls that a container's server never needs, and that lead out or in: none may be allowed.
DANGEROUS = (
    "add_key bpf delete_module finit_module init_module kexec_load keyctl mount move_mount open_by_handle_at perf_event_open pivot_root "
    "process_vm_readv process_vm_writev ptrace reboot request_key setns swapon umount2 unshare userfaultfd"
).split()

# What makes, feeds and changes rings of requests to the kernel (io_uring(7)), which sees to them past the filter.
IO_URING = ("io_uring_enter", "io_uring_register", "io_uring_setup")

# Of namespaces, by the engine's names.
MODES = {"pid": "PidMode", "ipc": "IpcMode", "uts": "UTSMode", "userns": "UsernsMode", "cgroup": "CgroupnsMode"}

Json = dict[str, t.Any]


def ask(run: Run, *arguments: str) -> t.Any:
    """Return the answer of a command of Docker's that prints JSON.

    :raises OSError: there is no engine, or it refuses.
    """
    return json.loads(answer(run, *arguments))


def answer(run: Run, *arguments: str) -> str:
    """Return the output of a command of Docker's that always has one.

    :raises OSError: there is no engine, it refuses, or it says nothing.
    """
    code, output, error = run(["docker", *arguments])
    if code != 0:
        raise OSError(error.strip() or "docker failed")
    if not output.strip():
        raise OSError(f"docker {arguments[0]} printed nothing")
    return output


def inspect(run: Run) -> Json:
    """Return the container as the engine has it."""
    found: Json = ask(run, "container", "inspect", NAME)[0]
    return found


def server_pid(found: Json) -> int:
    """Return the server's process on the host. The engine names the container's first one, which starts the server where there is an init.

    In a container that shares the host's processes the engine leaves the init out, though it was asked for: then there is no child.
    """
    pid = int(found["State"]["Pid"])
    if not pid:
        raise OSError("the container does not run")
    if not found["HostConfig"].get("Init"):
        return pid
    children = _read.text("/proc/%d/task/%d/children" % (pid, pid)).split()
    return int(children[0]) if children else pid


def option(found: Json, name: str) -> str | None:
    """Return the value of one of the container's security options, written NAME=VALUE or NAME:VALUE; empty for one without."""
    options: list[str] = found["HostConfig"].get("SecurityOpt") or []
    for entry in options:
        if entry == name:
            return ""
        if entry.startswith((name + "=", name + ":")):
            return entry[len(name) + 1 :]
    return None


def seccomp(found: Json, path: str) -> Json:
    """Return the filter of system calls: what it does with those that it does not name, which dangerous ones it allows, and whether it is the file's."""
    text = option(found, "seccomp")
    if text is None or text in ("unconfined", "builtin"):
        dangerous = list(DANGEROUS) if text == "unconfined" else []
        # Docker's own profile has refused them since 25.0, and allowed them before.
        return {
            "default": text or "builtin",
            "dangerous": dangerous,
            "io_uring": list(IO_URING),
            "executable_memory": ["mmap", "mprotect"],
            "as_file": False,
        }
    profile = json.loads(text)
    rules = [rule for rule in profile.get("syscalls") or [] if rule.get("action") == "SCMP_ACT_ALLOW"]
    allowed = {name for rule in rules for name in rule.get("names") or []}
    try:
        wanted = json.loads(_read.content(path))
    except (OSError, ValueError):
        wanted = None
    # Allowed without a condition: what lets memory be both written and executed.
    loose = {name for rule in rules if not rule.get("args") for name in rule.get("names") or []}
    return {
        "default": str(profile.get("defaultAction")),
        "dangerous": sorted(allowed & set(DANGEROUS)),
        "io_uring": sorted(allowed & set(IO_URING)),
        "executable_memory": sorted(loose & {"mmap", "mprotect", "pkey_mprotect"}),
        "as_file": wanted is not None and json.dumps(profile, sort_keys=True) == json.dumps(wanted, sort_keys=True),
    }


def published(found: Json) -> list[str]:
    """Return where the container's ports are published, as ADDRESS:PORT."""
    bindings = found["HostConfig"].get("PortBindings") or {}
    return sorted("{}:{}".format(entry.get("HostIp") or "0.0.0.0", entry.get("HostPort")) for entries in bindings.values() for entry in entries or [])


def elsewhere(bindings: t.Iterable[str], addresses: t.Collection[str]) -> list[str]:
    """Return the published ports, ADDRESS:PORT, on other addresses than these."""
    return [binding for binding in bindings if binding.rpartition(":")[0] not in addresses]


def network(found: Json, run: Run) -> Json:
    """Return the container's networks, and whether each has a way out of the host."""
    mode = found["HostConfig"].get("NetworkMode")
    names = sorted(found["NetworkSettings"].get("Networks") or {})
    networks = ask(run, "network", "inspect", *names) if names else []
    return {
        "mode": mode,
        "names": names,
        "not_internal": sorted(entry["Name"] for entry in networks if not entry.get("Internal")),
        "interfaces": sorted((entry.get("Options") or {}).get("com.docker.network.bridge.name", "") for entry in networks),
        "containers": sorted({other["Name"] for entry in networks for other in (entry.get("Containers") or {}).values()}),
        "published": published(found),
    }


def mounts(found: Json) -> list[Json]:
    """Return the container's mounts of the host: source, destination, whether it may write, and propagation."""
    return [
        {"source": entry.get("Source", ""), "destination": entry["Destination"], "writable": bool(entry.get("RW")), "propagation": entry.get("Propagation", "")}
        for entry in sorted(found.get("Mounts") or [], key=lambda entry: entry["Destination"])
    ]


def log_limited(config: Json) -> bool:
    """Return whether the log cannot fill the disk: kept by the journal or nobody, or up to a size. The driver `local` has one of its own."""
    kind = config.get("Type")
    return kind in ("none", "journald", "local", "syslog") or bool((config.get("Config") or {}).get("max-size"))


def container(found: Json, run: Run, profile: str, secrets: t.Iterable[str]) -> Json:
    """Return the container, as a section of the evidence."""
    host, config = found["HostConfig"], found["Config"]
    text = json.dumps(found)
    health = config.get("Healthcheck") or {}
    return {
        "running": bool(found["State"].get("Running")),
        "image_id": found.get("Image"),
        "user": config.get("User") or "",
        "privileged": bool(host.get("Privileged")),
        "read_only": bool(host.get("ReadonlyRootfs")),
        "capabilities_added": sorted(host.get("CapAdd") or []),
        "capabilities_dropped": sorted(host.get("CapDrop") or []),
        "no_new_privileges": option(found, "no-new-privileges") in ("", "true"),
        "seccomp": seccomp(found, profile),
        "apparmor": found.get("AppArmorProfile") or "",
        "modes": {name: host.get(key) or "" for name, key in MODES.items()},
        "devices": len(host.get("Devices") or []) + len(host.get("DeviceRequests") or []),
        "masked_paths": len(host.get("MaskedPaths") or []),
        "mounts": mounts(found),
        "network": network(found, run),
        "limits": {"memory": host.get("Memory") or 0, "cpus": host.get("NanoCpus") or 0, "pids": host.get("PidsLimit") or 0},
        "init": bool(host.get("Init")),
        "restart": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "log": {"driver": (host.get("LogConfig") or {}).get("Type"), "limited": log_limited(host.get("LogConfig") or {})},
        "health": {"checked": bool(health.get("Test")) and health["Test"][:1] != ["NONE"], "state": (found["State"].get("Health") or {}).get("Status", "none")},
        "stop_timeout": config.get("StopTimeout"),
        # Settings that come before those of the file, in letters of any case: an image can bring some, too.
        "settings_in_environment": sorted(
            name for name in (entry.partition("=")[0] for entry in config.get("Env") or []) if name.upper().startswith("QDRANT__")
        ),
        "secrets_in_inspect": any(secret in text for secret in secrets if secret),
    }


# --- the engine --------------------------------------------------------------------------------------------------------


def socket_state(path: str = SOCKET) -> Json:
    """Return owner and mode of the engine's socket."""
    state = os.stat(path)
    return {"owner": state.st_uid, "mode": f"{stat.S_IMODE(state.st_mode):04o}"}


def running_containers(run: Run) -> list[Json]:
    """Return all running containers as the engine has them."""
    # A table has a head, so that no container is not the same as no answer.
    names = answer(run, "ps", "--format", "table {{.Names}}").split()[1:]
    return ask(run, "container", "inspect", *names) if names else []


def root_containers(running: t.Iterable[Json]) -> list[str]:
    """Return the containers whose processes are the host's root, by name: no user is set, and none is mapped."""
    return sorted(entry["Name"].lstrip("/") for entry in running if (entry["Config"].get("User") or "0").split(":")[0] in ("0", "root"))


def engine(run: Run, listeners: t.Callable[[int], list[str]]) -> Json:
    """Return the engine, as a section of the evidence. ``listeners`` tells the TCP sockets of a process."""
    info = ask(run, "info", "--format", "{{json .}}")
    options = info.get("SecurityOptions") or []
    bridge = ask(run, "network", "inspect", "bridge")[0].get("Options") or {}
    registries = (info.get("RegistryConfig") or {}).get("InsecureRegistryCIDRs") or []
    insecure = [name for name, entry in ((info.get("RegistryConfig") or {}).get("IndexConfigs") or {}).items() if not entry.get("Secure", True)]
    _code, output, _error = run(["systemctl", "show", "--property=MainPID", "--value", "docker.service"])
    pid = int(output.strip() or 0)
    running = running_containers(run)
    # The engine keeps the ports that it publishes from others by holding them itself, where no proxy of its does.
    held = {binding for found in running for binding in published(found)}
    remapped = any("name=userns" in entry for entry in options)
    return {
        "version": info.get("ServerVersion"),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "userns_remap": remapped,
        "root_containers": [] if remapped else root_containers(running),
        "icc": bridge.get("com.docker.network.bridge.enable_icc", "true") == "true",
        "seccomp": any(entry.startswith("name=seccomp") for entry in options),
        "apparmor": any(entry.startswith("name=apparmor") for entry in options),
        "insecure_registries": sorted(insecure + [entry for entry in registries if entry not in ("127.0.0.0/8", "::1/128")]),
        "tcp": [socket for socket in listeners(pid) if socket not in held] if pid else [],
        "socket": socket_state(),
        "enforces": {"memory": bool(info.get("MemoryLimit")), "cpus": bool(info.get("CpuCfsQuota")), "pids": bool(info.get("PidsLimit"))},
    }
