#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_node_info
short_description: Read the state of a Qdrant node
version_added: 0.1.0
description:
  - Reports, in one call, the state that the roles of this collection need of a node before they change it and before they
    restart it.
  - Says which things the collection made itself, by the marks that it leaves, so that nothing of others is changed unasked.
  - Returns nothing that is secret.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
options:
  unit:
    description: The systemd unit of the node.
    type: str
    default: qdrant.service
  install_dir:
    description: The folder that holds the releases.
    type: path
    default: /opt/qdrant
  config_dir:
    description: The folder that holds settings, secrets and certificates.
    type: path
    default: /etc/qdrant
  data_dir:
    description: The folder that holds the node's data.
    type: path
    default: /var/lib/qdrant/storage
  user:
    description: The user that the node runs as.
    type: str
    default: qdrant
  releases:
    description: Whether to look at the releases, which takes a digest of each binary.
    type: bool
    default: true
  paths:
    description: Files and folders whose owner, mode and digest to report. Name no secret ones.
    type: list
    elements: path
    default: []
  units:
    description: Units of systemd whose state to report.
    type: list
    elements: str
    default: []
  programs:
    description: Programs whose shared libraries to report.
    type: list
    elements: path
    default: []
  guarded_ports:
    description: Ports of Qdrant. If there are any, the host's firewalls are read, with their rules for these.
    type: list
    elements: int
    default: []
  addresses:
    description: Addresses that the host should have.
    type: list
    elements: str
    default: []
  engine:
    description: Whether to read the Docker engine's version, and the container and network under the node's names.
    type: bool
    default: false
  folders:
    description:
      - Folders of which to say whether the collection made them, by their kind, C(install), C(config), C(data), C(snapshots) or C(expiry).
    type: dict
    default: {}
  firewall_file:
    description: The file of the guard's table. If there is one, that file and the table in the kernel are looked at.
    type: path
"""

EXAMPLES = r"""
- name: Read the state of the node
  hardened.qdrant.qdrant_node_info:
  register: node

- name: Show the installed version
  ansible.builtin.debug:
    var: node.installed_version
"""

RETURN = r"""
architecture:
  description: The machine's architecture, as the kernel names it.
  returned: always
  type: str
  sample: x86_64
releases:
  description: The releases on the node, by name.
  returned: always
  type: list
  elements: dict
  contains:
    name: {description: The release's folder., type: str}
    version: {description: Its version., type: str}
    artefact_sha256: {description: Digest of the file that it was installed from., type: str}
    binary_sha256: {description: Digest of its binary at installation., type: str}
    intact: {description: Whether the binary still has that digest., type: bool}
    libraries: {description: The shared libraries that the binary needs; empty for a static build., type: list, elements: str}
    image_id: {description: Of a container's release the id of its image; else null., type: str}
release:
  description: Name of the release in use, or null.
  returned: always
  type: str
installed_version:
  description: Version of the release in use, or null.
  returned: always
  type: str
internal_auth:
  description: Whether the settings on disk make the node ask other nodes for a key.
  returned: always
  type: bool
running_version:
  description:
    - Version that the unit's process was started with, by the record of its start, or null.
    - It differs from RV(installed_version) after a run that was killed or failed between the two.
  returned: always
  type: str
cluster_versions:
  description:
    - The versions that the peers of the node's cluster ran last, its own among them, by the cluster's own state on the node's disk.
    - Empty without a cluster.
  returned: always
  type: list
  elements: str
installed:
  description: Whether the node has a unit of Qdrant.
  returned: always
  type: bool
active:
  description: Whether the unit is active.
  returned: always
  type: bool
state:
  description: The unit's state, for messages.
  returned: always
  type: str
  sample: active (running)
initialised:
  description: Whether the node's data folder belongs to a node that has run.
  returned: always
  type: bool
cluster_scheme:
  description: The scheme of the peers' addresses in an existing cluster, or null.
  returned: always
  type: str
  sample: https
bootstrap:
  description: The node that the unit joins a cluster through; empty for none, null where there is no unit.
  returned: always
  type: str
cryptography:
  description: Whether the Python library cryptography is there.
  returned: always
  type: bool
package_lists:
  description: Whether apt has lists of packages to install from. A host that was just made from an image often has none.
  returned: always
  type: bool
nft:
  description: Whether the program nft is there.
  returned: always
  type: bool
tls:
  description: The node's certificate and trusted CAs, in PEM form.
  returned: always
  type: dict
  contains:
    certificate: {description: "The certificate in use, with its chain; empty where there is none.", type: str}
    trust: {description: "The CAs that the node trusts; empty where there are none.", type: str}
firewalls:
  description:
    - Of C(ufw) and C(firewalld), whichever are installed, whether it is C(active), this collection's C(own) rules in it, and C(foreign) ones
      that name O(guarded_ports). In C(foreign), rules of other tables that do.
    - Empty without O(guarded_ports).
  returned: always
  type: dict
files:
  description:
    - Of each of O(paths) its C(kind), C(owner), C(group), C(mode) in octal, and, of a file, C(sha256); null where there is nothing.
    - M(hardened.qdrant.qdrant_files) takes them as O(hardened.qdrant.qdrant_files#module:seen), and asks a host nothing that has all of it.
  returned: always
  type: dict
units:
  description:
    - Of each of O(units) whether it is C(active) and C(enabled), and whether systemd must C(reload) its file.
    - The C(path) of its file, or null; whether the collection wrote that (C(own)), and whether the unit is C(masked).
  returned: always
  type: dict
folders:
  description:
    - Of each of O(folders) its C(path), whether it is a C(folder) at all, whether it is the collection's C(own), and the first names of its content that is
      not from the collection as C(others). Null without a folder.
    - A folder is the collection's own if a unit of the collection's names it, or something in it bears a mark.
  returned: always
  type: dict
account_own:
  description: Whether the unit is the collection's and runs its server as O(user).
  returned: always
  type: bool
guard:
  description: Whether C(table) and C(file) of the firewall are the collection's own; null for a missing one. Empty without O(firewall_file).
  returned: always
  type: dict
libraries:
  description: Of each of O(programs) the shared libraries that it needs, loader included; null where there is no such program.
  returned: always
  type: dict
account:
  description: Home and shell of O(user), or null.
  returned: always
  type: dict
user_ids:
  description: The C(uid) and C(gid) of O(user), or null.
  returned: always
  type: dict
machine:
  description: C(memory) in bytes, C(processors), and C(distribution) and C(release) by their names in os-release.
  returned: always
  type: dict
docker:
  description:
    - Whether the command C(docker) is there as C(cli); the engine's C(version), or null where it does not answer; whether it maps users (C(userns)); and
      which C(limits) it can set, C(memory), C(cpus) and C(pids).
    - Where it answers, the C(container) and the C(network) that are named as the node's are, or null. Of both, whether they are the collection's C(own); of
      the container also its C(id), its C(image), and whether it is removed once it stops (C(removes_itself)).
    - Empty unless O(engine).
  returned: always
  type: dict
requests:
  description: Whether the Python library requests is there, which modules of community.docker need.
  returned: always
  type: bool
python:
  description: The Python that this module ran with.
  returned: always
  type: str
has_addresses:
  description: Of each of O(addresses) whether an interface of the host has it.
  returned: always
  type: dict
time:
  description: The node's clock, in seconds since 1970-01-01 UTC.
  returned: always
  type: float
"""

import glob
import importlib.util
import os
import platform
import sys
import time
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _backends, _keys, _marks, _node, _run

TABLE = "inet hardened_qdrant"


def unit_summary(name: str, state: dict) -> dict:
    """Return the properties of a unit that decide whether there is work to do, and whose it is."""
    return {
        **_marks.unit(name, state.get("FragmentPath", "")),
        "active": state.get("ActiveState") == "active",
        "enabled": state.get("UnitFileState") == "enabled",
        "reload": state.get("NeedDaemonReload") == "yes",
    }


def docker(run: _run.Run) -> dict:
    """Return the engine, and what in it has the node's names."""
    engine = _node.engine(run)
    return {**engine, **_marks.containers(run)} if engine["version"] else engine


def observe(layout: _node.Layout, params: dict, run: _run.Run) -> dict:
    """Collect the module's result; shapes as in RETURN."""
    releases = _node.releases(layout, run) if params["releases"] else []
    current = os.path.basename(os.path.realpath(layout.current)) if os.path.islink(layout.current) else None
    state = _node.unit_state(layout.unit, run)
    arguments = _node.start_arguments(layout.unit_file)
    installed = os.path.exists(layout.unit_file)
    own_unit, file = _marks.own_text(layout.unit), params["firewall_file"]
    return {
        "architecture": platform.machine(),
        "releases": [asdict(release) for release in releases],
        "release": current,
        "installed_version": next((release.version for release in releases if release.name == current), None),
        "internal_auth": _keys.enforces(layout.config),
        "running_version": _node.running_version(layout, state, _node.load_json(_node.RECORD)),
        "cluster_versions": _node.cluster_versions(layout.data_dir),
        "installed": installed,
        "active": state.get("ActiveState") == "active",
        "state": "{} ({})".format(state.get("ActiveState", "unknown"), state.get("SubState", "unknown")),
        "initialised": os.path.exists(os.path.join(layout.data_dir, "raft_state.json")),
        "cluster_scheme": _node.cluster_scheme(layout.data_dir),
        "bootstrap": arguments.get("bootstrap", "") if installed else None,
        "cryptography": importlib.util.find_spec("cryptography") is not None,
        "package_lists": bool(glob.glob("/var/lib/apt/lists/*_Packages*")),
        "nft": any(os.access(os.path.join(folder, "nft"), os.X_OK) for folder in ("/usr/sbin", "/sbin", "/usr/bin")),
        "tls": _node.certificates(layout),
        "files": {path: _node.path_state(path) for path in params["paths"]},
        "units": {unit: unit_summary(unit, _node.unit_state(unit, run)) for unit in params["units"]},
        "account": _node.account(params["user"]),
        "libraries": {path: _node.libraries(path, run) if os.path.exists(path) else None for path in params["programs"]},
        "user_ids": _node.user_ids(params["user"]),
        "machine": _node.machine(),
        "docker": docker(run) if params["engine"] else {},
        "folders": {kind: _marks.folder(kind, path, own_unit, file or "") for kind, path in params["folders"].items()},
        "account_own": _marks.names_user(own_unit, params["user"]),
        "guard": _marks.guard(TABLE, file, run) if file else {},
        "requests": importlib.util.find_spec("requests") is not None,
        "python": sys.executable,
        "has_addresses": {address: _node.has_address(address) for address in params["addresses"]},
        "time": time.time(),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "qdrant.service"},
            "install_dir": {"type": "path", "default": "/opt/qdrant"},
            "config_dir": {"type": "path", "default": "/etc/qdrant"},
            "data_dir": {"type": "path", "default": "/var/lib/qdrant/storage"},
            "user": {"type": "str", "default": "qdrant"},
            "releases": {"type": "bool", "default": True},
            "paths": {"type": "list", "elements": "path", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "programs": {"type": "list", "elements": "path", "default": []},
            "guarded_ports": {"type": "list", "elements": "int", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "engine": {"type": "bool", "default": False},
            "folders": {"type": "dict", "default": {}},
            "firewall_file": {"type": "path"},
        },
        supports_check_mode=True,
    )

    run = _run.ask
    try:
        unknown = sorted(set(module.params["folders"]) - set(_marks.BEFORE))
        if unknown:
            module.fail_json(msg="There are no folders of the kind {}, but of {}.".format(", ".join(unknown), ", ".join(_marks.BEFORE)))
        layout = _node.Layout(**{name: module.params[name] for name in ("unit", "install_dir", "config_dir", "data_dir")})
        result = observe(layout, module.params, run)
        ports = module.params["guarded_ports"]
        result["firewalls"] = _backends.observe(ports, run) if ports else {}
    except OSError as error:
        module.fail_json(msg=f"Cannot look at the node: {error}. It must run systemd and this task must be root's (become: true).")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
