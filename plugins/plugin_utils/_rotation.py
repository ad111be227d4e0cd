# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of keys does, from what the nodes have and run, and what the vault says. Pure functions; keys appear by name alone.

Phases of Qdrant 1.17 and later, which knows an alternate key: deploy the new key as the alternate, publish it, promote it, retire the old one.
Earlier servers, and read-only keys, are cut over.

From 1.18 on nodes show their main key to each other, and a node with ``enforce_internal_auth`` refuses those whose key is neither its main nor its
alternate one. A rolling change during which two nodes would not know each other's key is refused.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _preflight
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import SINCE, Problem, Version

ALTERNATE_SINCE: Version = (1, 17, 0)
INTERNAL_SINCE = SINCE["service.enforce_internal_auth"]

NONE, START, DEPLOY, PROMOTE, RETIRE, CUT_OVER, SWAP = "none", "start", "deploy", "promote", "retire", "cut-over", "swap"
# The steps in the order of a rotation: what an interrupted one has left decides.
ORDER = (CUT_OVER, SWAP, DEPLOY, PROMOTE, RETIRE, START, NONE)
OTHER = "other"
MAIN, ALTERNATE = "api_key", "alt_api_key"

Keys = t.Mapping[str, str | None]


@dataclass(frozen=True)
class Node:
    """A node, with its keys by the name that they have among the wanted ones.

    ``running`` is None where it does not run, ``disk`` where it was not deployed. ``enforces`` says whether it asks other nodes for a key. ``staying``
    is the name of the key that a rotation's first phase noted as the one that stays, and ``since`` when, in seconds since 1970.
    """

    name: str
    running: Keys | None
    disk: Keys | None = None
    enforces: bool = False
    staying: str | None = None
    since: float = 0.0

    @classmethod
    def seen(cls, name: str, keys: t.Mapping[str, t.Any]) -> Node:
        """Return a node from the result of qdrant_keys_info."""
        noted = keys.get("staying") or {}
        return cls(name, keys.get("running"), keys.get("disk"), bool(keys.get("enforces")), noted.get("key"), float(noted.get("since") or 0))

    @property
    def deployed(self) -> bool:
        return self.running is not None or self.disk is not None

    @property
    def had(self) -> Keys:
        """Return the keys that it runs, or else ran last."""
        return self.running or self.disk or {}


def staying(nodes: t.Sequence[Node]) -> str:
    """Return the name of the key that stays when the rotation that is under way has ended: the main one, if there is none.

    After the first phase that is the alternate, and after the second the main key, while in both the nodes run what the vault says. So the first one notes
    on the nodes which key is to stay. The newest note counts, and only where every node that runs knows the key.
    """
    noted = max((node for node in nodes if node.staying), key=lambda node: node.since, default=None)
    if noted is None or noted.staying != ALTERNATE:
        return MAIN
    known = [node.running for node in nodes if node.running is not None]
    return ALTERNATE if known and all(ALTERNATE in (keys.get(MAIN), keys.get(ALTERNATE)) for keys in known) else MAIN


@dataclass
class Plan:
    """What a rotation does: the step by node, what to say beforehand, and why it must not be."""

    steps: dict[str, str] = field(default_factory=dict)
    read_only: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def step(self) -> str:
        """Return the step that the rotation is at."""
        return min(self.steps.values(), key=ORDER.index) if self.steps else NONE

    @property
    def changes(self) -> bool:
        """Return whether a key of a node that runs changes."""
        return bool(self.read_only) or self.step not in (NONE, START)

    # Whether a key ends that may have signed tokens, whether the old key works on after its successor was promoted, and the name of the key that stays.
    tokens_die: bool = False
    keeps_old: bool = False
    staying: str = MAIN


# --- the preflight's part ----------------------------------------------------------------------------------------------


def check_alternate(alternate: t.Any, others: t.Mapping[str, t.Any], version: Version) -> list[Problem]:
    """Return the alternate key against the rules for keys, the other keys by variable, and the server's version."""
    if alternate in ("", None):
        return []
    problems = _preflight.check_key("qdrant_alt_api_key", alternate)
    for name, key in others.items():
        if key and key == alternate:
            problems.append(Problem("qdrant_alt_api_key", f"it equals {name}", "Leave it empty, or set another key"))
    if version < ALTERNATE_SINCE:
        what = f"Qdrant has alternate keys from {_text(ALTERNATE_SINCE)} on, and older ones ignore it"
        problems.append(Problem("qdrant_alt_api_key", what, "Remove it. A rotation of an older server is a cut-over, or raise qdrant_version first"))
    return problems


def without_internal_auth(nodes: t.Mapping[str, t.Mapping[str, t.Any]], own: str) -> list[str]:
    """Return the nodes that may show no key to others yet: none may be asked for one before they are upgraded.

    ``nodes`` are the results of qdrant_node_info by host, empty for one that is no part of the run. What such a node runs is not known, unless the node
    ``own`` asks for keys already. After an upgrade that was killed a node runs another version than the one that is installed.
    """
    asks = bool(nodes.get(own, {}).get("internal_auth"))
    running = {host: state.get("running_version") or state.get("installed_version") for host, state in nodes.items()}
    old = {host for host, version in running.items() if (_preflight.parse_version(version) or INTERNAL_SINCE) < INTERNAL_SINCE}
    return sorted(old | {host for host, state in nodes.items() if not state and not asks})


# --- the plan ----------------------------------------------------------------------------------------------------------


def step_of(running: Keys | None, alternate_wanted: bool) -> str:
    """Return the step that a restart with the wanted keys is to a node. ``running`` names its keys among the wanted ones."""
    if running is None:
        return START
    main, alternate = running.get("api_key"), running.get("alt_api_key")
    if main == "api_key":
        if alternate_wanted and alternate != "alt_api_key":
            return DEPLOY
        return RETIRE if not alternate_wanted and alternate else NONE
    if alternate == "api_key":
        return PROMOTE
    return SWAP if main == "alt_api_key" else CUT_OVER


@dataclass(frozen=True)
class Wanted:
    """What a run is to do.

    ``alternate`` and ``read_only`` say whether these keys are wanted; ``internal_auth`` whether nodes ask each other for a key after this run. ``cut_over``
    accepts a cut-over where there is a better way. ``deploys`` is a run that makes nodes where there are none. ``others`` are the cluster's nodes that
    are no part of the run.
    """

    version: Version
    alternate: bool
    read_only: bool
    strategy: str
    revoke: bool = False
    cut_over: bool = False
    internal_auth: bool = False
    deploys: bool = False
    others: tuple[str, ...] = ()

    @property
    def rolling(self) -> bool:
        return self.strategy == "rolling" and not self.revoke

    @property
    def keys(self) -> Keys:
        return {MAIN: MAIN, ALTERNATE: ALTERNATE if self.alternate else None}


def plan(nodes: t.Sequence[Node], wanted: Wanted) -> Plan:
    """Return what the run does to keys."""
    result = Plan({node.name: step_of(node.running, wanted.alternate) for node in nodes})
    for node in nodes:
        if node.running is not None and node.running.get("read_only_api_key") != ("read_only_api_key" if wanted.read_only else None):
            result.read_only.append(node.name)
    live = {MAIN, ALTERNATE, None} if wanted.alternate else {MAIN, None}
    result.tokens_die = any(node.had.get(name) not in live for node in nodes for name in (MAIN, ALTERNATE))
    result.keeps_old = wanted.alternate and any((node.running or {}).get(MAIN) == ALTERNATE for node in nodes)
    result.staying = ALTERNATE if result.step == DEPLOY else staying(nodes)
    _refuse(result, nodes, wanted)
    _announce(result, nodes, wanted)
    return result


def strangers(nodes: t.Sequence[Node], wanted: Wanted) -> bool:
    """Return whether during the run, or already, a node that asks for keys meets one whose key it does not know.

    Nodes are met as they run now and as they are to run, in any mixture: that is what a rolling restart goes through, or a killed run leaves.
    """
    if not wanted.internal_auth and not any(node.enforces for node in nodes):
        return False
    met = [node.running for node in nodes if node.running is not None] + [wanted.keys]
    # Two keys that are not wanted may be the same or not.
    return any(one.get(MAIN) in (None, OTHER) or one.get(MAIN) not in (other.get(MAIN), other.get(ALTERNATE)) for one in met for other in met)


def _refuse(result: Plan, nodes: t.Sequence[Node], wanted: Wanted) -> None:
    """What must not be done, and what to do in its place."""
    missing = [node.name for node in nodes if not node.deployed]
    if missing and not wanted.deploys:
        result.problems.append(Problem("host {}".format(", ".join(missing)), "there is no node to rotate keys of", "Deploy it by hardened.qdrant.site"))
    shut_out = strangers(nodes, wanted)
    if shut_out and wanted.others:
        what = "they are no part of this run, and with enforce_internal_auth they and nodes with another key refuse each other"
        result.problems.append(Problem("host {}".format(", ".join(wanted.others)), what, "Run it for all nodes, without --limit"))
    if wanted.revoke:
        # All keys are to die, so every key that runs must be one that is not wanted. A node that an interrupted run already did is fine.
        for name in (MAIN, ALTERNATE, "read_only_api_key"):
            kept = [node.name for node in nodes if (node.running or {}).get(name) not in (None, OTHER)]
            if kept and len(kept) == sum(1 for node in nodes if (node.running or {}).get(name)):
                what = "{} of {} is still wanted, and would live on".format(name, ", ".join(kept))
                result.problems.append(Problem("qdrant_revoke_now", what, "Put new keys into the vault, all of them, and run again"))
        return
    steps = set(result.steps.values())
    if SWAP in steps:
        what = "the key that runs is to be the alternate, and the new one is not known to the nodes yet"
        remedy = "First leave qdrant_api_key as it was, set the new key as qdrant_alt_api_key, and run this"
        result.problems.append(Problem("qdrant_api_key", what, remedy))
    if CUT_OVER in steps and wanted.version >= ALTERNATE_SINCE and not wanted.cut_over:
        what = "the nodes do not know it yet, so clients would fail between their own change and the nodes'"
        accepting = "-e qdrant_rotation_cut_over=true" + (" -e qdrant_restart_strategy=parallel" if shut_out and wanted.rolling else "")
        remedy = f"First leave it as it was, set the new key as qdrant_alt_api_key, and run this; or accept it with {accepting}"
        result.problems.append(Problem("qdrant_api_key", what, remedy))
    elif shut_out and wanted.rolling and SWAP not in steps:
        what = "with enforce_internal_auth nodes refuse each other's key, so one at a time would shut every node out in turn"
        remedy = "Restart all at once, with the service down for some seconds: -e qdrant_restart_strategy=parallel"
        if PROMOTE in steps:
            result.problems.append(Problem("qdrant_alt_api_key", what, f"Set it to the old key for this step, and remove it in the next run. {remedy}"))
        else:
            result.problems.append(Problem("qdrant_api_key", what, remedy))


def _announce(result: Plan, nodes: t.Sequence[Node], wanted: Wanted) -> None:
    """What the run is going to do, and what it costs whom."""
    lines, step = result.lines, result.step
    of = {name: [host for host, found in result.steps.items() if found == name] for name in ORDER}
    rolling = "one node at a time, the cluster healthy before and after each" if wanted.rolling else "all nodes at once"
    if step == NONE and not result.read_only:
        lines.append("Nothing to rotate: the nodes run the keys of the vault.")
        if result.staying == ALTERNATE:
            lines.append(f"Phase 1 of 3 is done, and tokens are signed by the new key. {_NEXT_PROMOTE}")
        return
    done = [host for host in of[NONE] if host not in result.read_only]
    if done and result.changes:
        lines.append("An earlier run did {}; this one goes on with the others.".format(", ".join(done)))
    if wanted.revoke:
        lines.append("REVOCATION: every key and token that works now ends in one pass over all nodes. The service is down meanwhile.")
    elif step == CUT_OVER:
        why = f"Qdrant {_text(wanted.version)} has no alternate key" if wanted.version < ALTERNATE_SINCE else "It was asked for"
        lines.append(f"CUT-OVER of qdrant_api_key, {rolling}. {why}: a node takes the old key until its restart and the new one after it.")
        if wanted.rolling:
            lines.append("Clients that hold both keys, and try the other one and the next node, see no failed request. Others fail at some nodes meanwhile.")
        else:
            lines.append("The service is down for the seconds that the slowest node takes. This is the shortest time in which both keys are about.")
    elif step == DEPLOY:
        lines.append(f"Phase 1 of 3, DEPLOY: the new key becomes the alternate, {rolling}. Both keys work afterwards; no request fails for want of a key.")
        replaced = [node.name for node in nodes if (node.running or {}).get(ALTERNATE) == OTHER]
        if replaced:
            lines.append("The alternate that {} run ends. Clients that use it fail from then on.".format(", ".join(replaced)))
        lines.append(f"Tokens are signed by the new key from now on. {_NEXT_PROMOTE}")
    elif step == PROMOTE:
        fate = "The old one works on." if result.keeps_old else "The old one ends."
        lines.append(f"Phase 2 of 3, PROMOTE: the alternate becomes the key, {rolling}. {fate}")
        if result.keeps_old:
            lines.append("Next: remove qdrant_alt_api_key, and run this again.")
    elif step == RETIRE:
        lines.append(f"Phase 3 of 3, RETIRE: the alternate ends, {rolling}. Clients that still use it fail from then on.")
    if result.read_only and not wanted.revoke:
        lines.append(f"CUT-OVER of qdrant_read_only_api_key, {rolling}. No version has an alternate one.")
    if not wanted.rolling and not wanted.revoke and strangers(nodes, wanted):
        lines.append("Nodes refuse each other's key meanwhile (enforce_internal_auth), so all of them restart at once. Nothing is served until they have.")
    if of[START]:
        lines.append("{} do not run and are started with the wanted keys.".format(", ".join(of[START])))


_NEXT_PROMOTE = "Next: move clients and tokens to the new key, then make it qdrant_api_key, the old one qdrant_alt_api_key, and run this again."


def _text(version: Version) -> str:
    return "%d.%d.%d" % version
