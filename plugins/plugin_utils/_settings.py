# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Qdrant's settings: the hardened defaults, what a user may merge over them, and what would weaken a node.

Which settings Qdrant has, and what their values may be, stands in _known_settings.
"""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass

Settings = dict[str, t.Any]
Version = tuple[int, int, int]

# Where the confined process finds things.
CREDENTIALS = "/run/credentials/qdrant.service"
STORAGE, SNAPSHOTS = "/qdrant/storage", "/qdrant/snapshots"
# A server that cannot write its audit log does not start, and the confined one writes to its data and snapshots alone.
AUDIT = STORAGE + "/audit"
# Of the file system of the data, from which on the server takes no writes that need more of it.
DISK_PERCENT = 90


@dataclass(frozen=True)
class Problem:
    """Something that the user must mend: where it stands, what is wrong, what to write instead."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}."


@dataclass(frozen=True)
class Risk:
    """A setting that weakens a node, and the values that do not: None for one that is not set, ABSENT for one that is not there and not null either."""

    name: str
    path: str
    safe: tuple[t.Any, ...]
    why: str


# Null takes a value of the role's away, and what the server then does is its own choice.
ABSENT: t.Final = object()
RISKS = (
    Risk("plaintext-api", "service.enable_tls", (True,), "keys and data would cross the network in clear"),
    Risk("plaintext-p2p", "cluster.p2p.enable_tls", (True,), "whoever reaches the cluster port could read and write without a key"),
    Risk("cors", "service.enable_cors", (False,), "any web page could use a browser's access to the API"),
    Risk("telemetry", "telemetry_disabled", (True,), "the node would report to Qdrant's makers"),
    Risk("snapshot-url-recovery", "service.enable_snapshot_url_recovery", (False, ABSENT), "a client could make the node fetch any URL"),
    Risk("no-internal-auth", "service.enforce_internal_auth", (True, ABSENT), "whoever has a node's certificate could read and write without a key"),
    Risk("metrics-port", "service.metrics_port", (None,), "the metrics port asks for no key"),
    Risk("audit-forwarded-headers", "audit.trust_forwarded_headers", (False, ABSENT), "a client could write any address into the audit log"),
    Risk("debugger", "debugger.pyroscope", (None,), "the node would send profiles of itself to another server"),
    Risk("recovery-mode", "storage.recovery_mode", (None,), "the node would load no collection, and could only list and delete them"),
    Risk("listener", "storage.node_type", ("Normal", None), "the node would take writes and answer no search"),
    Risk("feature-flags", "feature_flags", (None,), "unfinished parts of the server would write data in forms that others may not read"),
)
# Risks that are no single setting. Their checks are in _preflight.
OTHER_RISKS = {
    "bind-all-addresses": "Qdrant would listen on every network of the host",
    "no-firewall": "whoever reaches the host could reach the cluster port",
    "clients-everyone": "every address could try keys on the API",
    "version-jump": "Qdrant supports upgrades by one minor version at a time",
    "plaintext-secrets": "whoever reads the inventory, or any copy of it, has them",
    "token-manage": "its token could do everything that the API key can",
    "outbound-system-cas": "every CA that an operating system trusts could speak for a peer, which is sent the API key",
    "inference-address": "texts of clients, and the token for inference, would be sent there",
    "unknown-setting": "the server may ignore the setting without a word",
    "image-unpinned": "whoever holds the registry could exchange the server",
}
RISK_NAMES = tuple(risk.name for risk in RISKS) + tuple(OTHER_RISKS)

# Settings that the roles own, and what sets them instead.
MANAGED = {
    "service.host": "qdrant_address",
    "service.http_port": "qdrant_http_port",
    "service.grpc_port": "qdrant_grpc_port",
    "service.api_key": "qdrant_api_key, in a vault",
    "service.read_only_api_key": "qdrant_read_only_api_key, in a vault",
    "service.alt_api_key": "a vault; a rotation uses it",
    "service.jwt_rbac": "qdrant_jwt_rbac",
    "service.enable_static_content": "qdrant_dashboard",
    "service.static_content_dir": "qdrant_dashboard",
    "service.verify_https_client_certificate": (
        "the role qdrant_proxy with qdrant_proxy_client_ca: in Qdrant it covers REST alone, and its CA opens the cluster port"
    ),
    "tls": "the variables of the role qdrant_tls",
    "storage.storage_path": "qdrant_data_dir",
    "storage.snapshots_path": "qdrant_snapshots_dir",
    "storage.temp_path": "qdrant_data_dir and qdrant_snapshots_dir: either has a folder tmp of the server's, so that files are moved and not copied",
    "audit.enabled": "qdrant_audit",
    "audit.dir": "qdrant_audit, which puts it beside the data: nothing else can be written",
    "audit.rotation": "qdrant_audit_days and qdrant_audit_max_mb: the oldest hours go first",
    "audit.max_log_files": "qdrant_audit_days",
    "cluster.enabled": "qdrant_cluster_enabled",
    "cluster.p2p.port": "qdrant_p2p_port",
}

# Settings that roles and controls ask for, and that came with a version, as in the data of _known_settings.
SINCE: dict[str, Version] = {
    "service.metrics_port": (1, 17, 0),
    "service.enforce_internal_auth": (1, 18, 0),
    "service.enable_snapshot_url_recovery": (1, 18, 0),
    "audit": (1, 17, 0),
    "storage.quotas": (1, 19, 0),
}


def hardened(
    *, address: str, http_port: int, grpc_port: int, p2p_port: int, cluster: bool, version: Version, jwt_rbac: bool, dashboard: bool, audit: Settings
) -> Settings:
    """Return the settings of a node before the user's are merged in. Secrets are not part of them. ``audit`` is that section, empty for none (_audit)."""
    service: Settings = {
        "host": address,
        "http_port": http_port,
        "grpc_port": grpc_port,
        "enable_tls": True,
        "enable_cors": False,
        "enable_static_content": dashboard,
        "jwt_rbac": jwt_rbac,
        "max_request_size_mb": 32,
    }
    if version >= SINCE["service.enable_snapshot_url_recovery"]:
        service["enable_snapshot_url_recovery"] = False
    if cluster and version >= SINCE["service.enforce_internal_auth"]:
        service["enforce_internal_auth"] = True
    # Without temp_path: what is restored is moved into the data, and a move to another mount is a copy, which fills the holes of sparse files.
    storage: Settings = {"storage_path": STORAGE, "snapshots_path": SNAPSHOTS}
    if version >= SINCE["storage.quotas"]:
        # A disk that is full stops writes half-way, and costs a recovery. What is left is room for merging segments, and for whoever clears up.
        storage["quotas"] = {"enabled": True, "max_disk_usage_percent": DISK_PERCENT}
    return {
        **({"audit": audit} if audit else {}),
        "log_level": "INFO",
        "telemetry_disabled": True,
        "service": service,
        "storage": storage,
        "tls": {
            "cert": CREDENTIALS + "/tls.crt",
            "key": CREDENTIALS + "/tls.key",
            "ca_cert": CREDENTIALS + "/ca.crt",
            # Credentials do not change while the process lives, so there is nothing to reload.
            "cert_ttl": None,
        },
        "cluster": {"enabled": cluster, "p2p": {"port": p2p_port, "enable_tls": True}},
    }


def merge(base: Settings, over: Settings) -> Settings:
    """Return a new dictionary: ``over`` over ``base``, key by key, lists and scalars replaced."""
    merged = copy.deepcopy(base)
    for key, value in over.items():
        merged[key] = merge(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else copy.deepcopy(value)
    return merged


def lookup(settings: Settings, path: str) -> t.Any:
    """Return the value at a dotted path, or None."""
    value: t.Any = settings
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def paths(settings: Settings, prefix: str = "") -> t.Iterator[str]:
    """Yield all dotted paths of a dictionary, of branches and leaves."""
    for key, value in settings.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        yield path
        if isinstance(value, dict):
            yield from paths(value, path)


def check_audit(audit: bool, version: Version) -> list[Problem]:
    """Return whether the version has an audit log, if one is wanted."""
    if not audit or version >= SINCE["audit"]:
        return []
    wanted = "%d.%d.%d" % SINCE["audit"]
    what = f"Qdrant has an audit log from {wanted} on, and older ones ignore the setting"
    return [Problem("qdrant_audit", what, "Raise qdrant_version or set it to false")]


def check_quotas(configs: t.Mapping[str, t.Any]) -> list[Problem]:
    """Return whether nodes want different quotas. They are the whole cluster's, so the last node asked would win. ``configs``: ``qdrant_config`` by host."""
    wanted = {host: lookup(config, "storage.quotas") for host, config in sorted(configs.items()) if isinstance(config, dict)}
    different = [host for host in wanted if wanted[host] != next(iter(wanted.values()))]
    if not different:
        return []
    what = "{} and {} have different ones, and quotas are the whole cluster's".format(next(iter(wanted)), ", ".join(different))
    return [Problem("qdrant_config.storage.quotas", what, "Set them once, for the group of the nodes")]


def weakened(settings: Settings) -> list[Risk]:
    """Return the risks that the settings run."""
    there = set(paths(settings))
    return [risk for risk in RISKS if not any(_is(lookup(settings, risk.path) if risk.path in there else ABSENT, safe) for safe in risk.safe)]


def _is(value: t.Any, safe: t.Any) -> bool:
    """Return whether a value is a safe one. For Python 1 equals true; an empty section is none, and so is what is absent."""
    return isinstance(value, bool) == isinstance(safe, bool) and (value == safe or (safe is None and value in ({}, ABSENT)))


def supports(version: Version) -> dict[str, bool]:
    """Return whether a version has each of the settings that came later than others."""
    return {path: version >= since for path, since in SINCE.items()}
