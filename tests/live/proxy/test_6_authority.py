# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes' CA is replaced, and the proxies go with it. The last of the tests: what others trust is another CA afterwards."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

from fixtures import collection, key, proxies, proxy
from proxied import wait_for
from proxied_load import Load

# Fixtures.
__all__ = ["collection", "key", "proxies", "proxy"]


def test_the_ca_is_replaced_under_load_without_a_failed_request(deployment, proxies, proxy, key, collection):
    """Clients take their trust from the published bundle, which names both CAs before the first certificate changes."""
    deployment.playbook("hardened.qdrant.next_ca", "-e", f"qdrant_init_dir={deployment.inventory}")
    bundle = deployment.inventory / "clients-trust.pem"
    words = ("-e", "qdrant_tls_rollover=true", "-e", f"qdrant_tls_bundle_file={bundle}")

    def served() -> set[bytes]:
        return {dataclasses.replace(entry, ca=str(bundle)).served(port) for entry in proxies for port in (entry.rest, entry.grpc)}

    with ThreadPoolExecutor(1) as pool:
        replaced = pool.submit(deployment.playbook, "hardened.qdrant.rotate_certificates", *words, timeout=900)
        wait_for(lambda: replaced.done() or bundle.exists(), 300)
        assert bundle.exists() and bundle.read_text(encoding="ascii").count("BEGIN CERTIFICATE") == 2, replaced.exception()
        before = served()
        with Load(dataclasses.replace(proxy, ca=str(bundle)), key, collection, seconds=900) as load:
            replaced.result()
            done = dict(load.done)
            wait_for(lambda: all(load.done[kind] > done[kind] + 10 for kind in done), 60)
    print("%d requests, tried again: %s" % (sum(load.done.values()), load.retried))
    assert load.failed == [] and len(done) == 4
    # What is published now is the next CA alone, and verifies what each proxy serves.
    assert bundle.read_text(encoding="ascii").count("BEGIN CERTIFICATE") == 1
    assert not before & served()
    again = deployment.playbook("hardened.qdrant.rotate_certificates", *words)
    assert again.stdout.count("changed=0 ") == len(deployment.nodes) + 1, again.stdout[-1500:]
