# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's container image for tests, with the layout of upstream's unprivileged one, since that cannot be pulled everywhere.

The server in /qdrant, beside config, storage and snapshots, an entry point, user 1000, all on Debian: shells included, as upstream's has them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from . import artefact, images
from .engine import docker
from .shell import cache_dir, locked, say

NAME = "hardened-qdrant-server:1.16.3-unprivileged"
_DOCKERFILE = """\
ARG BASE
FROM ${BASE} AS debian
# What a container's Debian has not, and every host would have to be sent.
RUN rm -rf /usr/share/doc /usr/share/locale /usr/share/man /usr/share/i18n /usr/lib/systemd /usr/lib/python3* /var/cache /var/lib/apt/lists
FROM scratch
COPY --from=debian / /
WORKDIR /qdrant
COPY --chown=1000:1000 qdrant entrypoint.sh ./
COPY --chown=1000:1000 production.yaml config/
RUN mkdir storage snapshots && chown 1000:1000 . config storage snapshots
ENV RUN_MODE=production
EXPOSE 6333 6334
USER 1000:1000
CMD ["./entrypoint.sh"]
"""
_FILES = {
    "Dockerfile": _DOCKERFILE,
    "entrypoint.sh": '#!/bin/sh\nexec ./qdrant "$@"\n',
    # As open as the one that upstream's image has: whoever forgets to mount settings finds out.
    "production.yaml": "log_level: INFO\nservice:\n  host: 0.0.0.0\n",
}


def ensure() -> Path:
    """The image as an archive of `docker save`, in the cache; the engine has it by NAME.

    :raises Failure: it cannot be built.
    """
    server = artefact.ensure()
    recipe = images.digest(_FILES, artefact.QDRANT.sha256)
    archive = cache_dir() / "images" / f"server-{recipe[:8]}.tar"
    with locked("server-image"):
        if not images.is_current(NAME, recipe):
            images.ensure(["debian12"])
            say(f"making the image {NAME}")
            folder = cache_dir() / "server-image"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name, content in _FILES.items():
                (folder / name).write_text(content)
            (folder / "entrypoint.sh").chmod(0o755)
            shutil.copy(server, folder / "qdrant")
            docker("build", "--network", "none", "--label", f"{images.RECIPE_LABEL}={recipe}", "--build-arg", f"BASE={images.base('debian12')}",
                   "--tag", NAME, str(folder), timeout=600)
            shutil.rmtree(folder)
            archive.unlink(missing_ok=True)
        if not archive.exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            partial = archive.with_suffix(".partial")
            docker("save", "--output", str(partial), NAME, timeout=600)
            partial.rename(archive)
    return archive
