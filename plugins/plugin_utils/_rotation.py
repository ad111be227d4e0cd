# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation of keys does, from what the nodes have and run, and what the vault says. Pure functions; keys appear by name alone.

Phases of Qdrant 1.17 and later, which knows an alternate key: deploy the new key as the alternate, publish it, promote it, retire the old one.
Earlier servers, and read-only keys, are cut over.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _preflight, _settings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem, Version

ALTERNATE_SINCE: Version = (1, 17, 0)
INTERNAL_SINCE: Version = (1, 18, 0)

NONE, START, DEPLOY, PROMOTE, RETIRE, CUT_OVER, SWAP = "none", "start", "deploy", "promote", "retire", "cut-over", "swap"
# The steps in the order of a rotation: what an interrupted one has left decides.
ORDER = (CUT_OVER, SWAP, DEPLOY, PROMOTE, RETIRE, START, NONE)
OTHER = "other"

Keys = t.Mapping[str, str | None]


@dataclass(frozen=True)
class Node:
    """A node: its keys by the name that they have among the wanted ones, None where it does not run; and whether it was deployed at all."""

    name: str
    running: Keys | None
    deployed: bool = True


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
    def tokens_die(self) -> bool:
        """Return whether tokens that the old key signed are refused afterwards."""
        return self.step in (CUT_OVER, RETIRE) or (self.step == PROMOTE and not self.keeps_old)

    keeps_old: bool = False


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


def check_internal_auth(config: t.Any, installed: t.Mapping[str, t.Any]) -> list[Problem]:
    """Return the problem of nodes whose installed version cannot authenticate to others, by host name: all of them must be able to."""
    if not isinstance(config, dict) or _settings.lookup(config, "service.enforce_internal_auth") is not True:
        return []
    old = sorted(host for host, version in installed.items() if (_preflight.parse_version(version) or INTERNAL_SINCE) < INTERNAL_SINCE)
    if not old:
        return []
    what = "{} still run a version before {}, which would be shut out by the others".format(", ".join(old), _text(INTERNAL_SINCE))
    return [Problem("qdrant_config.service.enforce_internal_auth", what, "Upgrade every node first, then set it in a second run")]


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


def plan(
    nodes: t.Sequence[Node],
    *,
    version: Version,
    alternate: bool,
    read_only: bool,
    strategy: str,
    revoke: bool = False,
    cut_over: bool = False,
    internal_auth: bool = False,
) -> Plan:
    """Return the rotation. ``alternate`` and ``read_only`` say whether these keys are wanted; ``cut_over`` accepts one where there is a better way."""
    result = Plan({node.name: step_of(node.running, alternate) for node in nodes})
    for node in nodes:
        ours = (node.running or {}).get("read_only_api_key")
        if node.running is not None and ours != ("read_only_api_key" if read_only else None):
            result.read_only.append(node.name)
    result.keeps_old = alternate and any((node.running or {}).get("api_key") == "alt_api_key" for node in nodes)
    _refuse(result, nodes, version, revoke, cut_over, internal_auth)
    _announce(result, nodes, version, strategy, revoke)
    return result


def _refuse(result: Plan, nodes: t.Sequence[Node], version: Version, revoke: bool, cut_over: bool, internal_auth: bool) -> None:
    """What must not be done, and what to do in its place."""
    missing = [node.name for node in nodes if not node.deployed]
    if missing:
        result.problems.append(Problem("host {}".format(", ".join(missing)), "there is no node to rotate keys of", "Deploy it by hardened.qdrant.site"))
    if revoke:
        # All keys are to die, so every key that runs must be one that is not wanted. A node that an interrupted run already did is fine.
        for name in ("api_key", "alt_api_key", "read_only_api_key"):
            kept = [node.name for node in nodes if (node.running or {}).get(name) not in (None, OTHER)]
            if kept and len(kept) == sum(1 for node in nodes if (node.running or {}).get(name)):
                what = "{} of {} is still wanted, and would live on".format(name, ", ".join(kept))
                result.problems.append(Problem("qdrant_revoke_now", what, "Put new keys into the vault, all of them, and run again"))
        return
    steps = set(result.steps.values())
    if SWAP in steps:
        what = "the key that runs is to be the alternate, and the new one is not known to the nodes yet"
        result.problems.append(Problem("qdrant_api_key", what, "First leave qdrant_api_key as it was, set the new key as qdrant_alt_api_key, and run this"))
    if CUT_OVER in steps and version >= ALTERNATE_SINCE and not cut_over:
        what = "the nodes do not know it yet, so clients would fail between their own change and the nodes'"
        remedy = "First leave it as it was, set the new key as qdrant_alt_api_key, and run this; or accept it with -e qdrant_rotation_cut_over=true"
        result.problems.append(Problem("qdrant_api_key", what, remedy))
    if PROMOTE in steps and internal_auth and not result.keeps_old:
        what = "with enforce_internal_auth nodes that were not restarted yet would be refused by those that were"
        result.problems.append(Problem("qdrant_alt_api_key", what, "Set it to the old key for this step, and remove it in the next run"))


def _announce(result: Plan, nodes: t.Sequence[Node], version: Version, strategy: str, revoke: bool) -> None:
    """What the run is going to do, and what it costs whom."""
    lines, step = result.lines, result.step
    of = {name: [host for host, found in result.steps.items() if found == name] for name in ORDER}
    rolling = "one node at a time, the cluster healthy before and after each" if strategy == "rolling" and not revoke else "all nodes at once"
    if step == NONE and not result.read_only:
        lines.append("Nothing to rotate: the nodes run the keys of the vault.")
        return
    done = [host for host in of[NONE] if host not in result.read_only]
    if done:
        lines.append("An earlier run did {}; this one goes on with the others.".format(", ".join(done)))
    if revoke:
        lines.append("REVOCATION: every key and token that works now ends in one pass over all nodes. The service is down meanwhile.")
    elif step == CUT_OVER:
        why = f"Qdrant {_text(version)} has no alternate key" if version < ALTERNATE_SINCE else "It was asked for"
        lines.append(f"CUT-OVER of qdrant_api_key, {rolling}. {why}: a node takes the old key until its restart and the new one after it.")
        if strategy == "rolling":
            lines.append("Clients that hold both keys, and try the other one and the next node, see no failed request. Others fail at some nodes meanwhile.")
        else:
            lines.append("The service is down for the seconds that the slowest node takes. This is the shortest time in which both keys are about.")
    elif step == DEPLOY:
        lines.append(f"Phase 1 of 3, DEPLOY: the new key becomes the alternate, {rolling}. Both keys work afterwards; no request fails for want of a key.")
        lines.append("Next: move clients and tokens to the new key, then make it qdrant_api_key, the old one qdrant_alt_api_key, and run this again.")
    elif step == PROMOTE:
        fate = "The old one works on." if result.keeps_old else "The old one ends."
        lines.append(f"Phase 2 of 3, PROMOTE: the alternate becomes the key, {rolling}. {fate}")
        if result.keeps_old:
            lines.append("Next: remove qdrant_alt_api_key, and run this again.")
    elif step == RETIRE:
        lines.append(f"Phase 3 of 3, RETIRE: the alternate ends, {rolling}. Clients that still use it fail from then on.")
    if result.read_only and not revoke:
        lines.append(f"CUT-OVER of qdrant_read_only_api_key, {rolling}. No version has an alternate one.")
    if of[START]:
        lines.append("{} do not run and are started with the wanted keys.".format(", ".join(of[START])))


def _text(version: Version) -> str:
    return "%d.%d.%d" % version
