# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each public variable of the roles has to be, by a parser of _values. What depends on other variables is judged elsewhere.

A test compares this with the roles' argument specs: a variable stands here, or with a reason among those that another check covers.
"""

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _tls_providers, _values, _variables
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

Kind = t.Callable[[t.Any], t.Any]
DAY = 86400  # seconds


def _each(kind: Kind) -> Kind:
    return lambda values: [kind(value) for value in values]


def _number(lowest: int, highest: int) -> Kind:
    return partial(_values.integer, lowest=lowest, highest=highest)


_NAMES = _each(partial(_values.host_name, wildcard=True))

NODE: dict[str, Kind] = {
    "inventory_hostname": _values.node_name,
    # qdrant
    "qdrant_version": _values.version,
    "qdrant_download_url": _values.url,
    "qdrant_binary_file": _values.FILE,
    "qdrant_image_archive": _values.FILE,
    "qdrant_outbound_ca_file": lambda value: value if "-----BEGIN" in value else _values.FILE(value),
    "qdrant_docker_cpus": _values.number,
    "qdrant_user": _values.user_name,
    "qdrant_limit_nofile": _number(1024, 1 << 30),
    "qdrant_memory_max": _values.memory,
    "qdrant_tasks_max": _number(64, 1 << 22),
    "qdrant_audit_days": _number(1, 3660),
    "qdrant_audit_max_mb": _number(16, 1 << 20),
    "qdrant_start_timeout": _number(1, 7 * DAY),
    "qdrant_stop_timeout": _number(60, DAY),
    "qdrant_health_timeout": _number(1, 7 * DAY),
    # qdrant_firewall
    "qdrant_firewall_addresses": _each(_values.network),
    "qdrant_firewall_http_port": _values.port,
    "qdrant_firewall_grpc_port": _values.port,
    "qdrant_firewall_p2p_port": _values.port,
    "qdrant_firewall_user": _values.user_name,
    "qdrant_firewall_log_rate": _values.rate,
    "qdrant_firewall_file": _values.path,
    # qdrant_tls
    **_tls_providers.kinds(_tls_providers.NODES),
    "qdrant_tls_bundle_file": _values.FILE,
    "qdrant_tls_dir": _values.path,
    "qdrant_tls_address": _values.or_empty(_values.address),
    "qdrant_tls_names": _each(_values.node_name),
    "qdrant_tls_extra_names": _NAMES,
    "qdrant_tls_extra_addresses": _each(_values.address),
    "qdrant_tls_validity_days": _number(1, 36500),
    "qdrant_tls_warn_days": _number(0, 36500),
    "qdrant_tls_fail_days": _number(0, 36500),
    "qdrant_tls_timer_schedule": _values.calendar,
    "qdrant_tls_timer_metrics_dir": _values.path,
    "qdrant_tls_keep_generations": _number(1, 1000),
    # qdrant_verify
    "qdrant_verify_report_dir": _values.controller_path,
    "qdrant_verify_compare_with": _values.FILE,
    "qdrant_verify_evidence_file": _values.FILE,
}

PROXY: dict[str, Kind] = {
    "inventory_hostname": _values.node_name,
    "qdrant_proxy_user": _values.user_name,
    "qdrant_proxy_memory_max": _values.memory,
    "qdrant_proxy_tls_extra_names": _NAMES,
    "qdrant_proxy_tls_extra_addresses": _each(_values.address),
    **_tls_providers.kinds(_tls_providers.PROXIES),
}


def check(read: t.Callable[[str, t.Any], t.Any], kinds: t.Mapping[str, Kind], given: t.Iterable[str] = ()) -> list[Problem]:
    """Return the problems of variables, each by itself. One that is not set has its role's default.

    Of the variables of the names ``given`` that roles declare, the type is judged as well: of some of them tasks and templates are the only readers.
    ``read`` raises VariableError, as ``_variables.read`` does.
    """
    typed = {name: _as_it_is for name in given if _variables.declared().get(name, {}).get("type", "raw") != "raw"}
    problems = []
    for name, kind in {**typed, **kinds}.items():
        try:
            value = read(name, None)
            if value is not None:
                kind(value)
        except (_values.BadValue, _variables.WrongType) as error:
            problems.append(Problem(name, error.what, error.remedy))
        except _variables.VariableError as error:
            if name in kinds:
                problems.append(Problem(name, str(error).rstrip("."), "It must be readable"))
    return problems


def _as_it_is(value: t.Any) -> t.Any:
    return value
