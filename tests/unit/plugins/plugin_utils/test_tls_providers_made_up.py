# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provider that nobody wrote before: a class, a task file and its name among the choices are all that a copy of the collection needs of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

PROJECT = Path(__file__).parents[4]
CA, CA_KEY = _authority.create("made up", datetime.now(UTC))

CLASS = """
from __future__ import annotations

from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base


class MadeUp(base.Provider):
    name = "made_up"
    row = base.Row("on the node", "somebody", "`qdrant_tls_made_up_*`")
    variables = (base.FOLDER, base.Variable("made_up_token", secret=True, required=True, remedy="Ask somebody for one"))


PROVIDER = MadeUp()
"""

TASKS = """
- name: Have the request signed by somebody
  ansible.builtin.command:
    argv: ["{{ ansible_playbook_python }}", "{{ somebody }}", "{{ qdrant_tls_csr_dir }}/{{ inventory_hostname }}"]
  delegate_to: localhost
  changed_when: true

- name: Use what was signed
  ansible.builtin.include_tasks: signed.yml
  vars:
    __qdrant_tls_remedy: Ask somebody.
"""

SOMEBODY = """
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

folder, now, life = Path(__file__).parent, datetime.now(timezone.utc), timedelta(days=30)
ca, key = ((folder / name).read_text() for name in ("ca.crt", "ca.key"))
wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", ca)
Path(sys.argv[1] + ".crt").write_text(_authority.sign(_authority.load(ca, key, now, life), Path(sys.argv[1] + ".csr").read_text(), wanted, now, life))
"""

# The preflight looks at node1, which was never deployed, and at nothing that another provider would want.
PLAYBOOK = """
- name: Have a certificate
  hosts: qdrant
  connection: local
  gather_facts: false
  vars_files:
    - collections/ansible_collections/hardened/qdrant/roles/qdrant/defaults/main.yml
  vars:
    __qdrant_node: {cryptography: true}
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: See what the preflight says
      hardened.qdrant.qdrant_preflight:
      register: refused
      ignore_errors: true
    - name: Say it
      ansible.builtin.copy:
        content: "{{ refused.msg }}"
        dest: "{{ said }}"
    - name: Have a certificate
      ansible.builtin.include_role:
        name: hardened.qdrant.qdrant_tls
        tasks_from: issue
"""


@pytest.fixture
def copied(tmp_path):
    """A copy of the collection with one provider more."""
    copy = tmp_path / "collections/ansible_collections/hardened/qdrant"
    for folder in ("plugins", "roles", "meta"):
        shutil.copytree(PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "galaxy.yml", copy)
    (copy / "plugins/plugin_utils/_tls_providers/made_up.py").write_text(CLASS, encoding="ascii")
    (copy / "roles/qdrant_tls/tasks/providers/made_up.yml").write_text("---" + TASKS, encoding="ascii")
    specs = copy / "roles/qdrant_tls/meta/argument_specs.yml"
    text = specs.read_text(encoding="utf-8")
    assert "choices: [internal," in text
    specs.write_text(text.replace("choices: [internal,", "choices: [made_up, internal,"), encoding="utf-8")
    return tmp_path / "collections"


def test_no_dispatcher_is_touched(copied, tmp_path):
    for name, content in (("ca.crt", CA), ("ca.key", CA_KEY), ("somebody.py", SOMEBODY), ("playbook.yml", "---" + PLAYBOOK)):
        (tmp_path / name).write_text(content, encoding="ascii")
    own = {
        "qdrant_tls_provider": "made_up",
        "qdrant_tls_csr_dir": str(tmp_path / "waiting"),
        "qdrant_tls_dir": str(tmp_path / "tls"),
        "qdrant_tls_ca_certificate": str(tmp_path / "ca.crt"),
        "somebody": str(tmp_path / "somebody.py"),
        "said": str(tmp_path / "said"),
    }
    inventory = {"qdrant": {"hosts": {"node1": {**own, "qdrant_tls_made_up_token": " "}}}}
    (tmp_path / "hosts.json").write_text(json.dumps(inventory), encoding="ascii")
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "ANSIBLE_COLLECTIONS_PATH": str(copied),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "PYTHONPATH": str(copied),
        "LC_ALL": "C.UTF-8",
    }
    # The defaults of the role qdrant, as variables of the play, would outrank the inventory's.
    words = [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.json", "-e", "qdrant_address=192.0.2.1", "playbook.yml"]
    silent = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    run = subprocess.run(words, cwd=tmp_path, env=environment, check=False, timeout=300, **silent)
    assert run.returncode == 0, run.stdout + run.stderr
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert "qdrant_tls_made_up_token: it is empty. Ask somebody for one" in said and "there is no provider" not in said
    # Secret, as its class says: the preflight looks where it was written.
    assert "qdrant_tls_made_up_token: it stands in plain text" in said
    leaf = _certificate.load_certificates((tmp_path / "tls/current/tls.crt").read_text(encoding="ascii"))[0]
    assert leaf.issuer == _certificate.load_certificates(CA)[0].subject
