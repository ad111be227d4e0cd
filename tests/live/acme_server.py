# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real ACME server: Caddy's, with a name server for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

CONFIGURATION = """\
{
  admin off
  skip_install_trust
  storage file_system %(folder)s/data
  http_port %(http)d
  pki {
    ca office {
      root_cn "ACME office"
      intermediate_lifetime 300d
    }
    ca hasty {
      root_cn "ACME in a hurry"
    }
  }
}
https://127.0.0.1:%(office)d {
  tls {
    issuer internal {
      ca office
    }
  }
  acme_server {
    ca office
    lifetime 60d
    resolvers 127.0.0.1:%(names)d
  }
}
https://127.0.0.1:%(hasty)d {
  tls {
    issuer internal {
      ca office
    }
  }
  acme_server {
    ca hasty
    lifetime %(hurry)ds
    resolvers 127.0.0.1:%(names)d
  }
}
"""


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _number in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Names:
    """A name server for one type of record, TXT, whose values are lines "NAME VALUE" of a file."""

    def __init__(self, port: int, records: Path) -> None:
        self._records = records
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self.asked: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, client = self._socket.recvfrom(4096)
            except OSError:
                return
            end = question.index(b"\0", 12) + 5
            labels, position = [], 12
            while question[position]:
                labels.append(question[position + 1 : position + 1 + question[position]].decode())
                position += 1 + question[position]
            name = ".".join(labels).lower()
            self.asked.append(name)
            lines = [line.split() for line in self._records.read_text(encoding="ascii").splitlines()] if self._records.exists() else []
            values = [value.encode() for record, value in lines if record == name and question[end - 4 : end - 2] == b"\0\x10"]
            answers = b"".join(b"\xc0\x0c\0\x10\0\1\0\0\0\0" + struct.pack("!HB", len(value) + 1, len(value)) + value for value in values)
            self._socket.sendto(question[:2] + b"\x84\0\0\1" + struct.pack("!HHH", len(values), 0, 0) + question[12:end] + answers, client)

    def close(self) -> None:
        self._socket.close()


class Caddy:
    """An ACME server with two CAs: one for sixty days, one that is in a hurry."""

    def __init__(self, folder: Path, hurry: int) -> None:
        ports = dict(zip(("http", "office", "hasty", "names"), free_ports(4)))
        self.folder, self.records = folder, folder / "records"
        self.urls = {name: "https://127.0.0.1:%d/acme/%s/directory" % (ports[name], name) for name in ("office", "hasty")}
        (folder / "Caddyfile").write_text(CONFIGURATION % {**ports, "folder": folder, "hurry": hurry}, encoding="ascii")
        self.names = Names(ports["names"], self.records)
        with open(folder / "caddy.log", "wb") as log:
            command = [shutil.which("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
            environment = {**os.environ, "XDG_DATA_HOME": str(folder / "share"), "XDG_CONFIG_HOME": str(folder / "config")}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        self.root = {name: folder / (f"data/pki/authorities/{name}/root.crt") for name in ("office", "hasty")}
        deadline = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.close()
                raise AssertionError((folder / "caddy.log").read_text(encoding="utf-8"))
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            context = ssl.create_default_context(cafile=str(self.root["office"]))
            for url in self.urls.values():
                urllib.request.urlopen(url, context=context, timeout=5).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        self.names.close()
        self._process.terminate()
        self._process.wait(timeout=30)
