#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_certificate
short_description: Issue, renew and install the certificate of a Qdrant node
version_added: 0.1.0
description:
  - Looks at the node's certificate, and, if it is due, makes a key and a signing request on the node, has the request signed on the
    controller, checks that key, certificate and names go together, and puts them in use in one step.
  - The private key never leaves the node. The CA's key never leaves the controller's memory. It is read from the variables
    C(qdrant_tls_ca_certificate) and C(qdrant_tls_ca_private_key) of the task's host, not from an option, so no output shows it.
  - A certificate is due if there is none, if less than a third of its life is left, or if its names, key type or CA are not the wanted
    ones. If only the trusted CAs change, key and certificate stay.
  - A run that is killed at any point leaves the certificate in use as it was, and the next run starts over.
  - Needs the Python library cryptography, 38 or later, on node and controller. In check mode the node needs it only if there is a
    certificate to look at.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
options:
  dir:
    description: The folder of the node's certificates. Each lies in a folder below C(generations); C(current) points to the one in use.
    type: path
    default: /etc/qdrant/tls
  common_name:
    description: The certificate's subject. Nothing is checked against it. Empty for none.
    type: str
    required: true
  dns_names:
    description: Host names that clients reach the node by.
    type: list
    elements: str
    default: []
  ip_addresses:
    description: Addresses that clients and peers reach the node by.
    type: list
    elements: str
    default: []
  key_type:
    description: The private key's type.
    type: str
    choices: [ecdsa-p256, ecdsa-p384, rsa-3072, rsa-4096]
    default: ecdsa-p256
  validity_days:
    description: How long a new certificate is valid, in days. It never outlives its CA.
    type: int
    default: 90
  renew_fraction:
    description: The certificate is renewed when less than this part of its life is left.
    type: float
    default: 0.3333
  force:
    description: Whether to renew a certificate that is not due.
    type: bool
    default: false
  revoked:
    description: Serial numbers or SHA-256 fingerprints, in hex, of certificates that are not to be used any more. One that is in use is replaced.
    type: list
    elements: str
    default: []
  keep:
    description: How many generations to keep, the one in use included.
    type: int
    default: 2
  staged:
    description:
      - Whether a new generation waits for the node's restart. C(next) points to it until M(hardened.qdrant.qdrant_files) puts it in the place of C(current),
        so a crash or a reboot before brings up the certificate that the node served.
    type: bool
    default: false
  provider:
    description:
      - The signing party, by its name as the variable C(qdrant_tls_provider) of the role qdrant_tls. V(internal) is the CA whose key the controller has.
      - With V(provided), key, chain and trusted CAs are the user's own. They are read from the variables C(qdrant_tls_provided_private_key),
        C(qdrant_tls_provided_certificate) and C(qdrant_tls_ca_certificate), each a PEM text or the path of a file on the controller.
        Text around their PEM blocks, and certificates that do not belong to the chain, reach no host.
      - With V(csr), the node's request is written to O(csr_dir), and the certificate that somebody signs is taken from there by a later run. Both
        are compared with the inventory on the controller. A request for anything else is handed on to nobody, and a certificate for anything
        else is not given to the host.
      - Others are the same to this module. The role qdrant_tls has the request signed by a server, and calls it again.
      - Of one that has to reach all that it certifies, as an ACME server, no certificate is asked for O(common_name), nor for those of O(dns_names) that
        O(needed) does not hold.
      - The host is not told the provider, but O(source).
    type: str
    default: internal
  source:
    description:
      - How the certificate comes about. V(controller) signs in this run. With V(provided), key and certificate are the user's. With V(awaited), another
        party signs, perhaps in a later run, and the node keeps key and request until then.
      - Set by the action plugin.
    type: str
    choices: [controller, provided, awaited]
    default: controller
  csr_dir:
    description: >-
      For a provider that has requests signed, the folder on the controller for C(HOST.csr), which is written, and C(HOST.crt), which is awaited.
    type: path
  needed:
    description:
      - Names that a certificate of another signer must have at least, such as C(IP:192.0.2.11) or C(DNS:qdrant.example.com).
      - For O(purposes=server), a wildcard covers one label of a name.
    type: list
    elements: str
    default: []
  purposes:
    description:
      - Purposes of the certificate. A node needs both. A proxy before the nodes, which is no peer, is a V(server) alone, since the cluster
        port accepts every certificate for a V(client) of the same CA. Its certificate may be a public CA's, and then have an RSA key of
        2048 bits if another party made it.
    type: list
    elements: str
    choices: [server, client]
    default: [server, client]
  private_key:
    description:
      - For O(provider=provided), the private key, in PEM form. Set by the action plugin, in a second call, of a node that does not have it.
    type: str
  phase:
    description:
      - Where the cluster is on its way from one CA to the next. V(current) signs with the current CA and trusts it alone; V(trust) trusts the
        next one too; V(reissue) signs with the next one and trusts both; V(drop) signs with the next one and trusts it alone.
      - The next CA is read from the variables C(qdrant_tls_next_ca_certificate) and C(qdrant_tls_next_ca_private_key).
      - M(hardened.qdrant.qdrant_preflight) returns the phase that the cluster is in.
    type: str
    choices: [current, trust, reissue, drop]
    default: current
  trust:
    description: The CAs that the node trusts, in PEM form. Set by the action plugin.
    type: str
  issuer:
    description: The CA that signs, in PEM form. Set by the action plugin.
    type: str
  pending:
    description: The folder of the key that waits for O(certificate). Set by the action plugin.
    type: str
  certificate:
    description: The signed certificate, in PEM form. Set by the action plugin.
    type: str
"""

EXAMPLES = r"""
- name: Issue the node's certificate
  hardened.qdrant.qdrant_certificate:
    common_name: "{{ inventory_hostname }}"
    dns_names: ["{{ inventory_hostname }}"]
    ip_addresses: ["{{ qdrant_address }}"]
"""

RETURN = r"""
reasons:
  description: Why a certificate was, or in check mode would be, issued or installed; empty if nothing was due.
  returned: always
  type: list
  elements: str
  sample: ["it expires on 2026-03-31"]
renewed:
  description: Whether there is, or in check mode would be, a new generation, so that the node has to be restarted.
  returned: always
  type: bool
certificate:
  description: The certificate in use after the task.
  returned: when there is one
  type: dict
  contains:
    serial: {description: Serial number in hex., type: str}
    sha256: {description: Fingerprint., type: str}
    subject: {description: Subject., type: str}
    issuer: {description: Issuer., type: str}
    not_before: {description: Start of validity in UTC and ISO 8601., type: str}
    not_after: {description: End of validity in UTC and ISO 8601., type: str}
    days_left: {description: Days until the end of validity., type: float}
    renews_on: {description: "From when on it is due for its age, in UTC and ISO 8601.", type: str}
    sans: {description: Names and addresses., type: list, elements: str}
    key_type: {description: The key's type., type: str}
generation:
  description: Name of the generation after the task, in use or staged.
  returned: when there is one
  type: str
pending:
  description: Name of the folder of a key that waits for its certificate.
  returned: when a request is to be signed
  type: str
key_wanted:
  description: With O(provider=provided), whether the node lacks the private key, which is sent only then.
  returned: with O(provider=provided)
  type: bool
request:
  description: The certificate signing request, in PEM form.
  returned: when a request is to be signed
  type: str
waiting:
  description: The file on the controller with the request that is to be signed.
  returned: when a signed certificate is awaited
  type: str
time:
  description: The node's clock, in seconds since 1970-01-01 UTC.
  returned: always
  type: float
"""

import os
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate


def summary(store, now: datetime, renew_fraction: float) -> dict:
    """Return the certificate in use, for the result."""
    if store.generation() is None:
        return {}
    try:
        leaf = store.leaf()
        described = {**_certificate.describe(leaf, now), "renews_on": _certificate.renewal_time(leaf, renew_fraction).isoformat(timespec="seconds")}
        return {"generation": store.generation(), "certificate": described}
    except (OSError, _certificate.CertificateError):
        return {}


def diff_text(result: dict) -> str:
    """Return a certificate as readable lines."""
    return "".join("{}: {}\n".format(*item) for item in sorted(result.get("certificate", {}).items()) if item[0] != "days_left")


def execute(module: AnsibleModule, now: datetime) -> dict:
    """Look at the certificate, and do what can be done without the CA; then, called again with the certificate, install it."""
    params = module.params
    store, staged = _certificate.Store(params["dir"]), params["staged"]
    issuer = params["issuer"]
    wanted = _certificate.Wanted(
        common_name=params["common_name"],
        dns_names=params["dns_names"],
        ip_addresses=params["ip_addresses"],
        key_type=params["key_type"],
        issuer=issuer or "",
        trust=params["trust"] or issuer,
        renew_fraction=params["renew_fraction"],
        force=params["force"],
        revoked=frozenset(map(_certificate.plain_hex, params["revoked"])),
        needed=tuple(params["needed"]),
        purposes=tuple(purpose + "Auth" for purpose in params["purposes"]),
    )
    before = summary(store, now, wanted.renew_fraction)
    if params["source"] == "provided":
        # The key that is there serves for as long as it is the certificate's.
        key = params["private_key"] or store.key_for(params["certificate"])
        request = {"key_wanted": not key}
        if key:
            reasons = store.look(lambda: _certificate.Report(reissue=store.provided(params["certificate"], key, wanted.trust))).reissue
        else:
            reasons = ["another certificate is provided" if store.generation() else "there is no certificate"]
        renewed, permissions = bool(reasons), store.wrong_permissions() if not reasons else []
        if not module.check_mode and key:
            if reasons:
                store.place(params["certificate"], key, wanted.trust, wanted.needed, now, wanted.purposes, staged)
                store.prune(params["keep"])
            else:
                store.forget_staged()
            if permissions:
                store.mend_permissions()
        reasons += permissions
    elif params["certificate"]:
        store.install(params["pending"], params["certificate"], wanted.trust, wanted, now, staged)
        store.prune(params["keep"])
        renewed, reasons, request = True, ["installed"], {}
    else:
        report = store.look(lambda: store.report(wanted, now))
        if params["source"] == "awaited" and store.waiting() is not None and not report.reissue:
            report.reissue.append("a certificate that was asked for is awaited")
        renewed, reasons, request = bool(report.reissue or report.reinstall), report.reasons(), {}
        if not module.check_mode:
            if report.reissue:
                make = store.keep_request if params["source"] == "awaited" else store.make_request
                request = dict(zip(("pending", "request"), make(wanted)))
            elif report.reinstall:
                store.reinstall(wanted.trust, now, staged)
                store.prune(params["keep"])
            else:
                store.forget_staged()
            if report.permissions and not report.reissue:
                store.mend_permissions()
    after = summary(store, now, wanted.renew_fraction)
    diff = {"before": diff_text(before), "after": diff_text(after)}
    return {"changed": bool(reasons), "reasons": reasons, "renewed": renewed, "diff": diff, **request, **after}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dir": {"type": "path", "default": "/etc/qdrant/tls"},
            "common_name": {"type": "str", "required": True},
            "dns_names": {"type": "list", "elements": "str", "default": []},
            "ip_addresses": {"type": "list", "elements": "str", "default": []},
            "key_type": {"type": "str", "choices": ["ecdsa-p256", "ecdsa-p384", "rsa-3072", "rsa-4096"], "default": "ecdsa-p256", "no_log": False},
            "validity_days": {"type": "int", "default": 90},
            "renew_fraction": {"type": "float", "default": 0.3333},
            "force": {"type": "bool", "default": False},
            "revoked": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "int", "default": 2},
            "staged": {"type": "bool", "default": False},
            "provider": {"type": "str", "default": "internal"},
            "source": {"type": "str", "choices": ["controller", "provided", "awaited"], "default": "controller"},
            "csr_dir": {"type": "path"},
            "needed": {"type": "list", "elements": "str", "default": []},
            "purposes": {"type": "list", "elements": "str", "choices": ["server", "client"], "default": ["server", "client"]},
            "private_key": {"type": "str", "no_log": True},
            "phase": {"type": "str", "choices": ["current", "trust", "reissue", "drop"], "default": "current"},
            "trust": {"type": "str"},
            "issuer": {"type": "str"},
            "pending": {"type": "str"},
            "certificate": {"type": "str"},
        },
        required_if=[("source", "provided", ("certificate", "trust")), ("source", "awaited", ("trust",))],
        supports_check_mode=True,
    )
    now = datetime.now(timezone.utc)
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        if module.check_mode and not os.path.lexists(os.path.join(module.params["dir"], "current")):
            module.exit_json(changed=True, reasons=["there is no certificate"], renewed=True, time=now.timestamp())
        module.fail_json(msg=missing_required_lib("cryptography"), exception=_certificate.CRYPTOGRAPHY_ERROR)
    if module.params["source"] == "controller" and not module.params["issuer"]:
        module.fail_json(msg="The option issuer is missing. Call this module as hardened.qdrant.qdrant_certificate: its action plugin sets it.")
    try:
        result = execute(module, now)
    except _certificate.CertificateError as error:
        module.fail_json(msg="Certificate in {}: {}.".format(module.params["dir"], error))
    except OSError as error:
        module.fail_json(msg="Cannot work on the certificates in {}: {}".format(module.params["dir"], error))
    module.exit_json(time=now.timestamp(), **result)


if __name__ == "__main__":
    main()
