# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells how long a node's certificates are valid: the one on disk, and the one that each port serves.

Logs the days left, and writes the times as a textfile metric for the node exporter of Prometheus. Runs by a timer of systemd, confined, with the
certificate and the CAs as credentials; it sees no secret. Ends with 1 when a certificate has too few days left, so that the unit counts as failed.
"""

from __future__ import annotations

import argparse
import os
import ssl
import sys
import time
from datetime import datetime, timezone

import _certificate
import _wire

FILE = "hardened_qdrant_certificate.prom"
TIMEOUT = 10  # seconds for one port
# Priorities that systemd takes from the beginning of a line (sd-daemon).
ERROR, WARNING, INFO = "<3>", "<4>", "<6>"
HELP = {
    "certificate_expiry_timestamp_seconds": "When the node's certificate ends, on disk or as a port serves it.",
    "certificate_served_is_on_disk": "Whether a port serves the certificate that is on disk. 0 also if it serves none.",
    "trusted_ca_expiry_timestamp_seconds": "When a CA ends that the node trusts.",
}


def credential(name: str) -> str:
    """Return the text of a credential that systemd gives the unit."""
    with open(os.path.join(os.environ["CREDENTIALS_DIRECTORY"], name), encoding="ascii") as file:
        return file.read()


def look(address: str, ports: list[int]) -> dict[int, object]:
    """Return the served certificate by port, or a text that says why there is none."""
    seen: dict[int, object] = {}
    for port in ports:
        served = _wire.served_certificate(_wire.Target(address, port), timeout=TIMEOUT)
        seen[port] = served.error if served.error is not None else _certificate.load_certificates(ssl.DER_cert_to_PEM_cert(served.der))[0]
    return seen


def samples(disk, served: dict, trusted: list) -> list[tuple[str, dict[str, str], float]]:
    """Return the metrics: name, labels and value."""
    end = "certificate_expiry_timestamp_seconds"
    found = [(end, {"source": "disk"}, _certificate.not_after(disk).timestamp())]
    for port, seen in served.items():
        if not isinstance(seen, str):
            found.append((end, {"source": "served", "port": str(port)}, _certificate.not_after(seen).timestamp()))
    for port, seen in served.items():
        same = not isinstance(seen, str) and _certificate.fingerprint(seen) == _certificate.fingerprint(disk)
        found.append(("certificate_served_is_on_disk", {"port": str(port)}, float(same)))
    for ca in trusted:
        labels = {"subject": ca.subject.rfc4514_string(), "sha256": _certificate.fingerprint(ca)}
        found.append(("trusted_ca_expiry_timestamp_seconds", labels, _certificate.not_after(ca).timestamp()))
    return found


def escaped(text: str) -> str:
    """Return a label's value as the text format wants it."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def rendered(found: list[tuple[str, dict[str, str], float]]) -> str:
    """Return the metrics in the text format of Prometheus, grouped by name."""
    lines, last = [], ""
    for name, labels, value in found:
        full = "hardened_qdrant_" + name
        if name != last:
            lines += [f"# HELP {full} {HELP[name]}", f"# TYPE {full} gauge"]
            last = name
        lines.append("%s{%s} %d" % (full, ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items()), value))
    return "\n".join(lines) + "\n"


def write(folder: str, text: str) -> None:
    """Write the file, readable by everyone, in one step: the node exporter may read at any moment, and reads files that end in .prom alone."""
    target, new = os.path.join(folder, FILE), os.path.join(folder, "." + FILE + ".new")
    if os.path.lexists(new):  # of a run that was killed
        os.unlink(new)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
    os.replace(new, target)


def told(disk, served: dict, now: datetime, warn_days: float, fail_days: float) -> tuple[list[str], bool]:
    """Return lines for the journal, and whether a certificate has too few days left."""
    lines, late = [], False
    places = {"on disk": disk, **{"on port %d" % port: seen for port, seen in served.items()}}
    for place, seen in places.items():
        if isinstance(seen, str):
            lines.append(f"{WARNING}There is no certificate {place}: {seen}")
            continue
        left = (_certificate.not_after(seen) - now).total_seconds() / 86400
        priority = ERROR if left <= fail_days else WARNING if left <= warn_days else INFO
        late = late or left <= fail_days
        remedy = "" if priority == INFO else " Run hardened.qdrant.rotate_certificates."
        lines.append(f"{priority}The certificate {place} has {left:.1f} days left ({_certificate.not_after(seen).isoformat()}).{remedy}")
    return lines, late


def main() -> int:
    """Write the metrics and log the days left; return 1 if a certificate has too few."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--ports", required=True, type=lambda text: [int(port) for port in text.split(",")])
    parser.add_argument("--warn-days", type=float, default=30)
    parser.add_argument("--fail-days", type=float, default=7)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    disk = _certificate.load_certificates(credential("tls.crt"))[0]
    trusted = _certificate.load_certificates(credential("ca.crt"))
    served = look(arguments.address, arguments.ports)
    write(arguments.folder, rendered(samples(disk, served, trusted)))
    lines, late = told(disk, served, datetime.fromtimestamp(time.time(), timezone.utc), arguments.warn_days, arguments.fail_days)
    print("\n".join(lines), flush=True)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
