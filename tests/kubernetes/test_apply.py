# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role says to a cluster: kubernetes.core, with the library that it uses, speaks to a server that keeps what it is given.

The server knows as much of the API as that needs: discovery, and to get, make and change NetworkPolicies. It judges nothing: whether the policies
are valid, and what they mean, is asked of others beside this.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from conftest import PLAY, PROGRAMS, VARIABLES

GROUP = "networking.k8s.io/v1"
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
KINDS = [{"name": "networkpolicies", "singularName": "networkpolicy", "kind": "NetworkPolicy", "namespaced": True, "verbs": VERBS}]
NAMED = {"name": "networking.k8s.io", "versions": [{"groupVersion": GROUP, "version": "v1"}], "preferredVersion": {"groupVersion": GROUP, "version": "v1"}}
DISCOVERY = {
    "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [NAMED]},
    "/apis/networking.k8s.io": {"kind": "APIGroup", **NAMED},
    "/apis/" + GROUP: {"kind": "APIResourceList", "groupVersion": GROUP, "resources": KINDS},
}


class Api(BaseHTTPRequestHandler):
    """A policy a path; ``server.kept`` are the policies, ``server.written`` the requests that changed one."""

    def _answer(self, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _keep(self, path: str, policy: dict) -> dict:
        """A server is asked what it would do as well: a dry run, in check mode."""
        if "dryRun=" not in self.path:
            self.server.written.append(self.command)
            self.server.kept[path] = policy
        return policy

    def do_GET(self) -> None:
        found = DISCOVERY.get(self._path()) or self.server.kept.get(self._path())
        lacking = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found"}
        self._answer(200 if found else 404, found or lacking)

    def do_POST(self) -> None:
        body = self._body()
        self._answer(201, self._keep("{}/{}".format(self._path(), body["metadata"]["name"]), body))

    def do_PATCH(self) -> None:
        # A strategic or JSON merge patch, of which only this much is needed: the spec is given whole.
        self._answer(200, self._keep(self._path(), {**self.server.kept[self._path()], **self._body()}))

    def do_PUT(self) -> None:
        self.do_PATCH()

    def log_message(self, *_unused) -> None:
        pass


@pytest.fixture
def api():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.kept, server.written = {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def apply(api, folder, *arguments: str) -> str:
    variables = {
        **VARIABLES,
        "qdrant_network_policy_dir": str(folder / "out"),
        "qdrant_network_policy_apply": True,
        # The one that has the library.
        "ansible_python_interpreter": str(PROGRAMS / "python"),
    }
    (folder / "play.yml").write_text(yaml.safe_dump([{**PLAY, "vars": variables}]), encoding="utf-8")
    environment = {**os.environ, "K8S_AUTH_HOST": "http://127.0.0.1:%d" % api.server_port, "K8S_AUTH_API_KEY": "token", "HOME": str(folder)}
    command = [shutil.which("ansible-playbook"), "-i", "localhost,", "-c", "local", str(folder / "play.yml"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.search(r"changed=(\d+)", done.stdout)[1]


def test_what_is_rendered_is_applied_once_and_put_back_when_changed(api, tmp_path, policies):
    assert apply(api, tmp_path, "--check") != "0" and api.kept == {}
    apply(api, tmp_path)
    assert api.written == ["POST"] * len(policies)
    assert sorted(api.kept.values(), key=str) == sorted(policies, key=str)
    assert apply(api, tmp_path) == "0"
    # Somebody lets everyone in.
    path, kept = next((path, kept) for path, kept in api.kept.items() if kept["spec"].get("ingress"))
    api.kept[path] = {**kept, "spec": {**kept["spec"], "ingress": [{}]}}
    assert apply(api, tmp_path) == "1"
    assert sorted(api.kept.values(), key=str) == sorted(policies, key=str)
