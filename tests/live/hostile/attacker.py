# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of a host that is an attacker's. It keeps all that it is sent, has the real one do the work, and answers what the attacker wants.

``/opt/hostile/plan.json`` is a list of rules. Of the first whose ``module``, a regular expression, fits the module's name: ``merge`` is merged into the
answer, ``print`` is printed in its place, and ``stderr`` beside it; ``sleep`` are seconds of silence before, ``exit`` is the code at the end.
"""

import json
import os
import re
import subprocess
import sys
import time

FOLDER = "/opt/hostile"
REAL = "/usr/bin/python3"


def merged(answer, change):
    if not isinstance(answer, dict) or not isinstance(change, dict):
        return change
    return {**answer, **{key: merged(answer.get(key), value) for key, value in change.items()}}


def main():
    payload = b""
    if len(sys.argv) == 1:
        payload = sys.stdin.buffer.read()
    elif os.path.isfile(sys.argv[1]):
        with open(sys.argv[1], "rb") as file:
            payload = file.read()
    with open(FOLDER + "/heard", "ab") as file:
        file.write(payload)
    if b"_ANSIBALLZ_WRAPPER" not in payload:
        if len(sys.argv) > 1:
            os.execv(REAL, [REAL, *sys.argv[1:]])
        return subprocess.run([REAL], input=payload, check=False).returncode
    module = re.search(rb"ansible_module='([\w.]+)'", payload).group(1).decode()
    with open(FOLDER + "/asked", "a") as file:
        file.write(module + "\n")
    done = subprocess.run([REAL, *sys.argv[1:]], input=payload, capture_output=True, check=False)
    output = done.stdout.decode()
    with open(FOLDER + "/plan.json") as file:
        rule = next((rule for rule in json.load(file) if re.search(rule["module"], module)), {})
    time.sleep(rule.get("sleep", 0))
    if "print" in rule:
        output = rule["print"]
    elif "merge" in rule:
        output = json.dumps(merged(json.loads(output), rule["merge"]), ensure_ascii=rule.get("ascii", True))
    sys.stdout.buffer.write(output.encode("utf-8", "surrogatepass"))
    sys.stderr.buffer.write(rule.get("stderr", "").encode() or done.stderr)
    return rule.get("exit", done.returncode)


if __name__ == "__main__":
    sys.exit(main())
