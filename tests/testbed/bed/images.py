# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of hosts: built where no image registry answers as well, and cached outside the checkout."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .engine import docker
from .shell import Failure, apt_install, cache_dir, locked, run, say, works

REPOSITORY = "hardened-qdrant-testbed"
RECIPE_LABEL = "hardened.qdrant.recipe"
SUITES = {"debian12": "bookworm", "debian13": "trixie"}
# The last one is for servers out of upstream's images, which are built to show where their threads are; those of its archives need nothing.
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "python3",
    "python3-apt",
    "iproute2",
    "nftables",
    "ca-certificates",
    "iputils-ping",
    "procps",
    "libunwind8",
)
_RECIPE = Path(__file__).resolve().parent.parent / "image"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Settings of apt that say how to reach the package sources, as opposed to what to do with packages.
_APT_SETTINGS = re.compile(r"^(Acquire::(http|https|Check-|Retries|ForceIPv)|APT::Authentication|Acquire::AllowInsecure)", re.IGNORECASE)


@dataclass(frozen=True)
class Mirrors:
    """Where Debian packages come from."""

    archive: str
    security: str


def mirrors(uris: Iterable[str]) -> Mirrors | None:
    """The machine's own Debian mirrors, from what `apt-get update --print-uris` prints; None if it has none.

    That command reads the configuration, so it knows mirrors whose lists were never fetched. What is neither Debian's archive
    nor its security archive, by the last part of its path, is left out.
    """
    found: dict[str, str] = {}
    for line in uris:
        uri = line.lstrip("'").partition("/dists/")[0]
        found.setdefault(uri.rpartition("/")[2], uri)
    return Mirrors(found["debian"], found["debian-security"]) if {"debian", "debian-security"} <= found.keys() else None


def _own_mirrors() -> Mirrors | None:
    return mirrors(run(["apt-get", "update", "--print-uris"]).splitlines())


def apt_settings(dump: Iterable[str], environment: dict[str, str]) -> str:
    """The machine's settings for reaching package sources (proxy, certificates, clock checks), from `apt-config dump`.

    A proxy that is only in the environment is added: services in a host do not see the machine's environment.
    """
    lines = [line for line in dump if _APT_SETTINGS.match(line) and not line.endswith('"";')]
    for scheme in ("http", "https"):
        proxy = environment.get(f"{scheme}_proxy") or environment.get(f"{scheme.upper()}_PROXY")
        if proxy and not any(line.lower().startswith(f"acquire::{scheme}::proxy ") for line in lines):
            lines.append(f'Acquire::{scheme}::Proxy "{proxy}";')
    return "".join(f"{line}\n" for line in lines)


def sources(suite: str, where: Mirrors) -> str:
    """Package sources of a host, in the form of deb822 (sources.list(5))."""

    def stanza(uri: str, suites: str) -> str:
        return f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {_KEYRING}\n"

    return stanza(where.archive, f"{suite} {suite}-updates") + "\n" + stanza(where.security, f"{suite}-security")


def machine_files(suite: str) -> dict[str, bytes]:
    """Files of a host that follow from this machine's settings: path below / to content."""
    own, dump = None, []
    if shutil.which("apt-get"):
        own = _own_mirrors()
        dump = run(["apt-config", "dump"]).splitlines()
    # A machine without mirrors of Debian leaves the hosts those that their image came with.
    files = {"etc/apt/sources.list.d/debian.sources": sources(suite, own).encode()} if own else {}
    settings = apt_settings(dump, dict(os.environ))
    if settings:
        files["etc/apt/apt.conf.d/90machine"] = settings.encode()
    for certificate in sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt")):
        files[f"usr/local/share/ca-certificates/{certificate.name}"] = certificate.read_bytes()
    return files


def digest(*parts: object) -> str:
    """A short name for what goes into an image."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def tag(image: str, extra: Iterable[str] = ()) -> str:
    """The name of an image, with its extra packages if there are any."""
    extra = sorted(set(extra))
    return f"{REPOSITORY}:{image}" + (f"-with-{digest(*extra)[:8]}" if extra else "")


def ensure(images: Iterable[str], extra: Iterable[str] = ()) -> None:
    """Make sure that these images are there, with extra packages. Builds them side by side.

    :raises Failure: an image is unknown, or cannot be built here.
    """
    images, extra = sorted(set(images)), sorted(set(extra))
    unknown = [image for image in images if image not in SUITES]
    if unknown:
        raise Failure(f"unknown image {', '.join(unknown)}: choose from {', '.join(SUITES)}")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda image: _ensure(image, extra), images))


def _ensure(image: str, extra: list[str]) -> None:
    files = machine_files(SUITES[image])
    scripts = {path.name: path.read_bytes() for path in sorted(_RECIPE.iterdir())}
    recipe = digest(image, PACKAGES, files, scripts)
    with locked(f"image-{image}"):
        if not is_current(tag(image), recipe):
            _build(image, recipe, files, scripts)
        if extra and not is_current(tag(image, extra), recipe):
            say(f"{image}: adding {' '.join(extra)}")
            text = f"FROM {tag(image)}\nRUN DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {' '.join(extra)}\n"
            _docker_build(tag(image, extra), recipe, {"Dockerfile": text.encode()})


def state(image: str) -> str:
    """What there is of an image, in words; empty if it must be built from nothing."""
    if works(["docker", "image", "inspect", tag(image)]):
        return tag(image)
    archive = _archive(image)
    return f"will be built from {archive}" if archive.exists() else ""


def is_current(name: str, recipe: str) -> bool:
    try:
        return docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{RECIPE_LABEL}"}}}}', name) == recipe
    except Failure:
        return False


def _build(image: str, recipe: str, files: dict[str, bytes], scripts: dict[str, bytes]) -> None:
    source = base(image)
    say(f"{image}: making a host of {source}")
    context = {**scripts, **{f"machine/{path}": content for path, content in files.items()}}
    _docker_build(tag(image), recipe, context, BASE=source, PACKAGES=" ".join(PACKAGES))
    say(f"{image}: built")


def _docker_build(name: str, recipe: str, context: dict[str, bytes], **arguments: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path, content in context.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        options = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        # The network of the machine itself: the default bridge may have a larger MTU than the way out.
        docker("build", "--network", "host", "--label", f"{RECIPE_LABEL}={recipe}", "--tag", name, *options, folder, timeout=900)


def base(image: str) -> str:
    """The name of an image with a minimal Debian: from a registry where one answers, else made by debootstrap."""
    suite = SUITES[image]
    public = f"debian:{suite}-slim"
    if works(["docker", "image", "inspect", public]) or works(["docker", "pull", "--quiet", public], timeout=120):
        return public
    archive = _archive(image)
    name = f"{REPOSITORY}-base:{archive.name.partition('.')[0]}"
    if not works(["docker", "image", "inspect", name]):
        if not archive.exists():
            _debootstrap(image, archive)
        say(f"{image}: importing {archive}")
        docker("import", str(archive), name)
    return name


def _archive(image: str) -> Path:
    """Where a minimal Debian that debootstrap made is kept, so that another engine can have it."""
    return cache_dir() / "images" / f"{image}-{digest(SUITES[image], PACKAGES, platform.machine())[:8]}.tar.gz"


def _debootstrap(image: str, archive: Path) -> None:
    suite = SUITES[image]
    if os.geteuid():
        raise Failure(f"no image registry answers, and {image} can be made without one by root only (debootstrap)")
    if not shutil.which("debootstrap"):
        apt_install("debootstrap", f"debootstrap, to make {image} without an image registry")
    archive.parent.mkdir(parents=True, exist_ok=True)
    log = archive.with_suffix(".log")
    say(f"{image}: no image registry answers; making it by debootstrap, which takes a minute or two (log: {log})")
    # Below the cache and not in /tmp, which may be mounted without device files.
    folder = archive.with_suffix(".building")
    _remove_tree(folder)
    own = _own_mirrors()
    # Without a mirror, debootstrap takes its own default.
    run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(folder), *([own.archive] if own else [])], log=log)
    for package in Path(folder, "var/cache/apt/archives").glob("*.deb"):
        package.unlink()
    partial = archive.with_suffix(".partial")
    run(["tar", "-C", str(folder), "--numeric-owner", "-I", "gzip -1", "-cf", str(partial), "."])
    # Renamed when it is complete: a run that is killed leaves nothing that looks like an archive.
    partial.rename(archive)
    _remove_tree(folder)


def _remove_tree(folder: Path) -> None:
    """Remove what debootstrap made. One that was killed leaves file systems mounted in there."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for path in sorted((path for path in mounted if path.startswith(f"{folder}/")), reverse=True):
        run(["umount", path])
    if folder.exists():
        shutil.rmtree(folder)
