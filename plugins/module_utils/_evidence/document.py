# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a node: by itself, and from elsewhere. This only observes; it changes nothing and has no opinion.

Each section is a file of this package, with functions that return plain data. A section that cannot be observed becomes ``{"error": TEXT}``, so that
whoever judges sees a lack instead of a pass. Secrets are used to ask questions and to search for them; they are never part of an answer.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.hardened.qdrant.plugins.module_utils import _container
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import (
    asking,
    audit,
    auth,
    cluster,
    config,
    files,
    firewall,
    host,
    process,
    tls,
    trust,
    unit,
    vantage,
    ways,
    web,
)
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place, read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

SCHEMA = 1


def observe(place: Place, targets: t.Sequence[Json], run: Run, named: t.Mapping[str, t.Sequence[str]], wanted: t.Mapping[str, t.Any] | None = None) -> Json:
    """Return the evidence of a node: its view of itself, and of its peers.

    ``named`` are the addresses of ``peers`` and ``clients``. ``wanted`` is what the inventory says of the server: its ``authorities`` and
    ``outbound_authorities`` (SHA-256 of CAs), and ``names`` (addresses by name).
    """
    wanted = wanted or {}
    try:
        settings = config.settings_of(read(config.config_file(place, run)))
    except OSError:
        settings = {}  # the section that shows them says why
    keys = config.api_keys(place, settings)
    key = keys.get("api_key")
    with ThreadPoolExecutor(max_workers=2) as pool:
        rest, grpc = pool.map(lambda name: ways.way_to(place.ports()[name], place.trust), ("rest", "grpc"))
    secrets = config.known_secrets(place, settings)
    sought = {*secrets, *keys.values()}
    questions: dict[tuple[str, ...], t.Callable[[], t.Any]] = {
        ("unit",): lambda: unit.observe(place, run),
        ("process",): lambda: process.observe(place, run, sought),
        ("trust",): lambda: trust.observe(place, run, wanted.get("authorities", ()), wanted.get("outbound_authorities", ())),
        ("names",): lambda: trust.names(place, run, wanted.get("names", {})),
        ("files",): lambda: files.observe(place),
        ("release",): lambda: files.release(place, run),
        ("config",): lambda: config.observe(place, run),
        ("started",): lambda: unit.restart_due(place, run),
        ("certificate",): lambda: tls.certificate_on_disk(place),
        ("firewall",): lambda: firewall.observe(place, run, named),
        ("cluster",): lambda: cluster.observe(rest, key, {entry["address"] for entry in targets}),
        ("keys",): lambda: config.strength(keys),
        ("host",): lambda: host.observe(place, run),
        ("effective",): lambda: web.effective(rest, key),
        ("audit",): lambda: audit.observe(place, rest, run, settings),
    }
    if place.p2p_port:
        questions["auth", "p2p", "none"] = lambda: auth.as_node(place)
    if place.in_container:
        questions["container",] = lambda: _container.container(_container.inspect(run), run, place.layout.seccomp, sought)
        questions["engine",] = lambda: _container.engine(run, process.listeners)
    questions.update(tls.questions(place))
    questions.update({("auth", *where): probe for where, probe in auth.probes(rest, grpc, keys).items()})
    questions.update({("web", *where): probe for where, probe in web.probes(rest).items()})
    questions.update(vantage.questions(targets))
    document: Json = config.without_secrets(asking.ask(questions), secrets)
    return document
