# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs where _wire.py can be imported: writes down which certificate each of some ports of some nodes serves, and when. Ends by itself.

  served.py OUTPUT SECONDS PORT,... ADDRESS ...

OUTPUT is JSON: by "ADDRESS PORT CERTIFICATE" (base64 of DER) the first and the last time that it was seen, in seconds since 1970, and how often.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time

import _wire

PAUSE = 0.2  # seconds between two rounds


def main() -> None:
    output, seconds, ports, addresses = sys.argv[1], float(sys.argv[2]), [int(port) for port in sys.argv[3].split(",")], sys.argv[4:]
    looks: dict[str, list] = {}
    deadline = time.time() + seconds
    while time.time() < deadline:
        for address in addresses:
            for port in ports:
                seen = _wire.served_certificate(_wire.Target(address, port), timeout=2)
                if seen.error is None:
                    # First and last time of each certificate on each port, and how often.
                    entry = looks.setdefault("%s %d %s" % (address, port, base64.b64encode(seen.der).decode()), [time.time(), 0.0, 0])
                    entry[1] = time.time()
                    entry[2] += 1
        with open(output + ".new", "w", encoding="ascii") as file:
            json.dump(looks, file)
        os.replace(output + ".new", output)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
