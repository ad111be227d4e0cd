# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges evidence by controls, on the controller, and writes the report."""

from __future__ import annotations

import json
import os
import typing as t
from datetime import UTC, date, datetime
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.hardened.qdrant.plugins.plugin_utils import (
    _access,
    _action,
    _controls,
    _derived,
    _document,
    _drift,
    _files,
    _report,
    _tokens,
    _variables,
    _weaknesses,
    _weaknesses_file,
)
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import model, terminal

display = Display()

# The default of qdrant_tls_fail_days, which belongs to another role and may not be set here.
FAIL_DAYS = 7


class ActionModule(_action.ControllerAction):
    """One call judges all hosts: what one host saw of another is evidence about the other."""

    _VALID_ARGS = frozenset(("evidence", "proxies", "hosts", "evidence_file", "compare_with", "controls", "waivers", "fail_on", "report_dir"))

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {}
        arguments = {"fail_on": "low", "report_dir": "", "controls": [], "waivers": [], **self._task.args}
        if arguments["fail_on"] not in (*_controls.SEVERITIES, "never"):
            raise AnsibleActionFail("fail_on is {!r} and must be never or one of {}.".format(arguments["fail_on"], ", ".join(_controls.SEVERITIES)))
        try:
            controls = _controls.combine(_controls.catalogue(), _controls.parse_controls(arguments["controls"], "qdrant_verify_controls", _variables.origin))
            waivers = _controls.parse_waivers(arguments["waivers"], controls, _variables.origin)
        except _controls.ControlError as error:
            raise AnsibleActionFail(str(error)) from None
        limit = self._limit(variables)
        try:
            observed = self._documents(arguments, variables)
            earlier = self._saved(arguments["compare_with"]) if arguments.get("compare_with") else None
        except _controls.ControlError as error:
            raise AnsibleActionFail(str(error)) from None
        # What the controller adds is not of the host.
        drift = _drift.between(earlier["evidence"], observed) if earlier else []
        versions = _derived.versions(observed)
        now = datetime.now(UTC)
        weaknesses = self._weaknesses(variables, now.date())
        documents = {host: {**_derived.with_knowledge(document, limit, weaknesses), **versions.get(host, {})} for host, document in observed.items()}
        findings = {host: _controls.judge_all(controls, document, waivers, host, now.date()) for host, document in documents.items()}
        access = self._saved(arguments["evidence_file"])["access"] if arguments.get("evidence_file") else self._access(variables)
        report = model.Report(now, findings, documents, drift, earlier["time"] if earlier else "", access, weaknesses.described(now.date()))
        paths = self._write(report, arguments["report_dir"]) if arguments["report_dir"] else []
        display.display("\n{}{}\n".format(terminal.summary(report), f"\nReport: {paths[0]}" if paths else ""))
        result.update(
            changed=False,
            counts=report.counts(),
            # Names alone: a failed task prints its result, and the report has the rest.
            failed_controls={host: [finding.control.id for where, finding in report.bad() if where == host] for host in findings},
            reports=paths,
            drift=drift,
        )
        everything = [finding for entries in findings.values() for finding in entries]
        if arguments["fail_on"] != "never" and _controls.reaches(everything, arguments["fail_on"]):
            counted = report.counts()
            result.update(
                failed=True,
                msg="The deployment is not as it should be: %d controls failed, %d could not be judged. The summary above names them."
                % (counted[_controls.FAILED], counted[_controls.ERROR]),
            )
        return result

    def _limit(self, variables: dict[str, t.Any]) -> int:
        """Return the least number of days that a certificate must have left."""
        try:
            return int(_variables.read(self._templar, variables, "qdrant_tls_fail_days", FAIL_DAYS))
        except (_variables.VariableError, TypeError, ValueError):
            raise AnsibleActionFail("qdrant_tls_fail_days is no number of days. Write one, such as %d." % FAIL_DAYS) from None

    def _weaknesses(self, variables: dict[str, t.Any], today: date) -> _weaknesses.Known:
        """Return the list of weaknesses: the collection's own, or a newer one of the user's."""
        hosts = variables.get("hostvars") or {}
        # The play's first host may be none of the nodes, whose variable it is.
        of_nodes = (_variables.of_host(host, hosts, _weaknesses.VARIABLE, "") for host in hosts)
        try:
            path = _variables.read(self._templar, variables, _weaknesses.VARIABLE, "") or next(filter(None, of_nodes), "")
            known, warnings = _weaknesses_file.load(str(path), today)
        except (_weaknesses_file.Refused, _variables.VariableError) as error:
            raise AnsibleActionFail(str(error)) from None
        for warning in warnings:
            display.warning(warning)
        return known

    def _access(self, variables: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """Who can do what, by the inventory. Of the keys only whether they are set is looked at; what cannot be read is left out."""

        def read(name: str, default: t.Any) -> t.Any:
            try:
                return _variables.read(self._templar, variables, name, default)
            except _variables.VariableError:
                return default

        grants = _tokens.parse_entries(read("qdrant_access", []))[0] if boolean(read("qdrant_jwt_rbac", False)) else []
        tokens = [(grant.application, _tokens.lifetime_text(grant.lifetime), grant.scope) for grant in grants]
        rows = _access.table(tokens, bool(read("qdrant_read_only_api_key", "")), bool(read("qdrant_alt_api_key", "")))
        return [row.as_dict() for row in rows]

    def _documents(self, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
        """Return the documents of nodes and proxies, with what others saw of them, and of hosts whose evidence does not fit: given, or from a saved report."""
        if arguments.get("evidence_file"):
            return self._saved(arguments["evidence_file"])["evidence"]
        evidence, proxies = arguments.get("evidence"), arguments.get("proxies") or {}
        if not isinstance(evidence, dict) or not isinstance(proxies, dict):
            raise AnsibleActionFail("There is no evidence: give evidence, a mapping of host names to documents of qdrant_evidence.")
        usual = _variables.read(self._templar, variables, "qdrant_nodes_group", "qdrant")
        group = _variables.read(self._templar, variables, "qdrant_verify_nodes_group", usual)
        documents = _document.admitted(evidence, proxies, variables.get("groups", {}).get(group, ()), arguments.get("hosts") or (), variables.get("hostvars"))
        if not any(document["node"] for document in documents.values()):
            raise AnsibleActionFail(f"There is no evidence of any node: give evidence of the hosts of the group {group}.")
        return _derived.with_vantages(documents)

    def _saved(self, path: str) -> dict[str, t.Any]:
        """Return a report that was saved, with its evidence and its rows of who can do what, both checked."""
        try:
            content = _files.read(path)
            if content is None:
                raise ValueError("there is no such file")
            saved = json.loads(content)
            if not isinstance(saved, dict):
                raise ValueError("it is no report")
            if saved.get("schema") == model.SCHEMA:
                time = datetime.fromisoformat(saved["time"]).isoformat(timespec="seconds")
                return {"time": time, "access": _access.saved(saved.get("access", [])), "evidence": _document.again(saved["evidence"])}
        except _files.FileError as error:
            raise AnsibleActionFail(str(error)) from None
        except (ValueError, KeyError, TypeError, RecursionError, _document.Misfit) as error:
            raise AnsibleActionFail(f"{path} holds no evidence ({_controls.shown(str(error))}). Name a report.json that qdrant_verify wrote.") from None
        raise AnsibleActionFail("%s has schema %s, and this version reads %d. Observe again." % (path, _controls.shown(saved.get("schema")), model.SCHEMA))

    def _write(self, report: model.Report, folder: str) -> list[str]:
        """Return the reports' files. They name addresses and weaknesses, so they are their owner's alone."""
        path = Path(os.path.abspath(os.path.expanduser(folder)))
        try:
            for name, render in _report.FORMATS.items():
                _files.write(path / name, render(report), 0o600, 0o700)
        except _files.FileError as error:
            raise AnsibleActionFail(f"There is no report. {error} The folder is that of qdrant_verify_report_dir.") from None
        return [str(path / name) for name in _report.FORMATS]
