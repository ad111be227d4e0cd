#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_files
short_description: Write the files of a Qdrant node or proxy
version_added: 0.1.0
description:
  - Brings folders, files and links of a host into the state of a document, all differences in one step. Files are written beside their places, with owner
    and mode from the first byte, and on disk before the first is renamed.
  - The file of secrets is known to the node by a salted digest. Its content is sent only to a node that lacks it, and never in check mode. It is made on the
    controller from C(qdrant_api_key), C(qdrant_alt_api_key), C(qdrant_read_only_api_key) and the secret settings in C(qdrant_config).
  - A diff shows settings and units, and of secrets only which part differed. Where the file that was there holds a secret, its old text is not shown.
  - Reads the files of systemd anew where one of its units changed.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
  - hardened.qdrant.attributes.entries
options:
  wanted:
    description:
      - The document. C(folders), C(files), C(links) and C(absent) are lists of entries with a C(path). An entry may have C(owner), C(group) and C(mode) (in
        quotes), which are root, root and C(0644), or C(0755) for a folder, where they are left out.
      - A file has its C(content), or C(secret) set to true. A link has its C(target), or as C(staged) the link that takes its place where there is one.
      - C(part) of an entry groups it for O(parts).
    type: dict
    required: true
  parts:
    description: Write the entries of these parts alone. Without it, all.
    type: list
    elements: str
  seen:
    description:
      - The answer C(files) of M(hardened.qdrant.qdrant_node_info) for these paths. The host is asked nothing where all of it is as wanted.
    type: dict
  secrets:
    description: The contents of secret files, by path. Set by the action plugin.
    type: dict
"""

EXAMPLES = r"""
- name: Write a file
  hardened.qdrant.qdrant_files:
    wanted:
      files:
        - path: /etc/qdrant/config.yaml
          content: "{{ lookup('ansible.builtin.template', 'config.yaml.j2') }}"
"""

RETURN = r"""
differed:
  description: The differences from the wanted state, by path.
  returned: always
  type: dict
  sample: {"/etc/qdrant/config.yaml": ["content"], "/etc/qdrant/secrets.yaml": ["missing"]}
lacking:
  description: The secret files whose content the node lacks. Nothing was written then; the action plugin calls again.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _entries, _files, _run, _secret_names

UNITS = "/etc/systemd/system/"


def difference(entry: _files.Entry, wrong: list) -> dict:
    """Return an entry's part of the diff, before anything is written."""
    state = {"before": "{}: {}\n".format(entry.path, ", ".join(wrong)), "after": f"{entry.path}: as wanted\n"}
    # Of a program nobody reads the lines that differ.
    program = entry.path.endswith(".py")
    if entry.kind != _files.FILE or entry.secret or program or not {"content", "missing"} & set(wrong):
        return state
    before = _files.text(entry.path)
    if _secret_names.in_text(before):
        before = "(not shown: it holds a secret)\n"
    after = (entry.content or b"").decode("utf-8")
    return {"before_header": entry.path, "before": before, "after_header": entry.path, "after": after}


def reload_units(entries: list) -> None:
    """Have systemd read its files anew where some of them changed.

    :raises OSError: it refused.
    """
    if any(entry.path.startswith(UNITS) for entry in entries):
        code, _output, error = _run.change(["systemctl", "daemon-reload"])
        if code != 0:
            raise OSError(f"systemctl daemon-reload: {error.strip()}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "dict", "required": True},
            "parts": {"type": "list", "elements": "str"},
            "seen": {"type": "dict"},
            "entries": {"type": "list", "elements": "dict", "options": _entries.options()},
            "secrets": {"type": "dict", "no_log": True},
        },
        # Texts of whole files would fill the journal.
        no_log=True,
        supports_check_mode=True,
    )
    if module.params["entries"] is None:
        module.fail_json(msg="The entries are missing. Call this module as hardened.qdrant.qdrant_files: its action plugin makes them of wanted.")
    entries = [_entries.entry_of(entry, module.params["secrets"]) for entry in module.params["entries"]]
    try:
        differed = {entry.path: wrong for entry, wrong in ((entry, _files.differences(entry)) for entry in entries) if wrong}
        due = [entry for entry in entries if entry.path in differed]
        diff = [difference(entry, differed[entry.path]) for entry in due]
        lacking = [entry.path for entry in due if entry.kind == _files.FILE and entry.content is None]
        if due and not lacking and not module.check_mode:
            _files.apply(due)
            reload_units(due)
            _files.remove(due)
    except _files.FilesError as error:
        module.fail_json(msg=f"{error}.")
    except OSError as error:
        module.fail_json(msg=f"Cannot write what is wanted: {error}.")
    module.exit_json(changed=bool(due), differed=differed, lacking=lacking, diff=diff)


if __name__ == "__main__":
    main()
