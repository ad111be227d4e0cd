#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_cluster_info
short_description: Read the health of a Qdrant cluster
version_added: 0.1.0
description:
  - Asks a node for its cluster's peers, leader, pending operations, and for the state of every shard, over verified TLS.
  - A cluster is healthy if all expected peers are there, one leads, no operation waits for consensus, and every replica of every shard is
    active and stays where it is. Only then does it bear the loss of a node.
  - Runs on the node. The API key is read there, as the process was started with it, for the file on disk may already hold the next one.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
  - hardened.qdrant.node_api
options:
  expected_peers:
    description: How many nodes the cluster should have, this one included.
    type: int
    default: 1
  peers:
    description:
      - Addresses of the other nodes. They are asked as well, and the cluster is healthy if every node says so and all have come as far in Raft.
      - A node that was just started knows the state of its last stop.
      - While keys are being changed, a peer that has another key already, or still, counts as there; its view is not known.
    type: list
    elements: str
    default: []
  settle:
    description:
      - With O(wait), seconds for which the cluster must be healthy without a break.
      - A request that was on its way to a node that stopped marks that node's shards as dead only when it times out, after the node is back.
    type: int
    default: 0
  wait:
    description:
      - Seconds to wait until the cluster is healthy. The module fails if it is not by then.
      - V(0) looks once and fails only if the node does not answer.
      - A look lasts a minute at most. A node that takes longer to say all that it knows does not answer.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Wait until the cluster is healthy
  hardened.qdrant.qdrant_cluster_info:
    address: 192.0.2.11
    expected_peers: 3
    wait: 60
"""

RETURN = r"""
healthy:
  description: Whether the cluster is healthy.
  returned: always
  type: bool
unhealthy_because:
  description: Why it is not.
  returned: always
  type: list
  elements: str
  sample: ["it has no leader"]
single_copies:
  description: The collections that have a shard with fewer than two active copies. They are away while the node that holds it restarts.
  returned: when the node answered
  type: list
  elements: str
cluster:
  description: The cluster as the node sees it.
  returned: when the node answered
  type: dict
  contains:
    enabled: {description: Whether the node is part of a cluster., type: bool}
    peer_id: {description: The node's own peer id., type: int}
    peers: {description: "All peers: id and uri.", type: list, elements: dict}
    leader: {description: The leading peer's id., type: int}
    term: {description: The current term of Raft., type: int}
    commit: {description: The last committed entry of Raft., type: int}
    pending_operations: {description: Operations that wait for consensus., type: int}
    consensus: {description: State of the consensus thread., type: str}
    send_failures: {description: Messages that peers did not get., type: dict}
    collections: {description: "By name: shards (id, peer, state) and the number of transfers.", type: dict}
"""

import time
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _cluster, _keys, _wire

PAUSE = 0.25  # seconds between two looks


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **_cluster.OPTIONS,
            "expected_peers": {"type": "int", "default": 1},
            "peers": {"type": "list", "elements": "str", "default": []},
            "settle": {"type": "int", "default": 0},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    params = module.params
    # What the next start takes may be what peers have already.
    keys = _keys.main_keys(params["unit"], params["secrets_file"])
    if not keys:
        module.fail_json(msg="There is no API key in {}. Is the node deployed?".format(params["secrets_file"]))
    tls = _wire.Tls(ca_file=params["ca_path"])

    def nodes(address: str) -> list[_cluster.Node]:
        return [_cluster.Node(_wire.Target(address, params["http_port"]), tls, key) for key in keys]

    def look(address: str) -> dict | _cluster.ClusterError | None:
        try:
            return _cluster.observe(nodes(address)[0]) if address == params["address"] else _cluster.observe_peer(nodes(address))
        except _cluster.ClusterError as error:
            return error

    addresses = [params["address"], *params["peers"]]
    deadline = time.monotonic() + params["wait"]
    healthy_since = None
    while True:
        result, views, reasons = {}, {}, []
        # At once, so that a look lasts no longer than the slowest of them.
        with ThreadPoolExecutor(max_workers=16) as pool:
            looks = list(pool.map(look, addresses))
        for address, seen in zip(addresses, looks):
            if isinstance(seen, _cluster.ClusterError):
                reasons.append(f"{address} does not answer: {seen}" if params["peers"] else f"the node does not answer: {seen}")
            elif seen is not None:
                views[address] = seen
        if params["address"] in views:
            seen = views[params["address"]]
            result = {"cluster": seen, "single_copies": _cluster.single_copies(seen)}
        reasons += _cluster.unhealthy_views(views, params["expected_peers"])
        now = time.monotonic()
        healthy_since = None if reasons else healthy_since or now
        # Once healthy, it is given the time to settle.
        settled = healthy_since is not None and (now - healthy_since >= params["settle"] or not params["wait"])
        if settled or (reasons and now >= deadline):
            break
        time.sleep(PAUSE)
    result.update(healthy=not reasons, unhealthy_because=reasons)
    if reasons and (params["wait"] or "cluster" not in result):
        module.fail_json(
            msg="The cluster is not healthy, seen from {}: {}. A restart now could cost data or service. Wait or mend it, then run again; "
            "for a cluster that is down anyway, run with -e qdrant_restart_strategy=parallel.".format(params["address"], "; ".join(reasons)),
            **result,
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
