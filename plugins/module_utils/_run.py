# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules run programs: found where root's are, in English, never for longer than they may take, and with all that they print.

AnsibleModule.run_command has no timeout, and loses the output of a program that ends in the moment in which a second of silence has passed.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
import typing as t

QUESTION, CHANGE, IMAGE = 60.0, 300.0, 900.0  # seconds; systemd's own patience with its bus is 25
LONGEST = 64 << 20  # bytes that a program may print
LOOK = 0.2  # seconds between two looks whether a program that prints nothing has ended
REAPED = 5.0  # seconds for the kernel to end what was killed; what waits for a disk may take for ever

# What is administered lies in sbin, which is not on every user's path.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}

# What to look at when a program hangs.
_SYSTEMD = "systemctl list-jobs, and systemctl status dbus"
HINTS = {
    "docker": "systemctl status docker containerd, and journalctl -u docker",
    "firewall-cmd": "systemctl status firewalld dbus",
    "journalctl": "journalctl --disk-usage, and whether the disk is well",
    "nft": "ps -ef for another nft, ufw or firewalld that holds the rules",
    "systemctl": _SYSTEMD,
    "systemd-analyze": _SYSTEMD,
    "systemd-run": _SYSTEMD,
    "ufw": "ps -ef for another ufw that holds its lock",
    "unshare": "ps -ef for another nft, ufw or firewalld that holds the rules",
}
HINT = "dmesg, and ps -ef for what it waits for"

# Arguments in, (return code, standard output, standard error) out. An OSError is a program that is not there, that does not end, or that floods.
Run = t.Callable[[list[str]], tuple[int, str, str]]


def within(seconds: float) -> Run:
    """Return how a module runs programs that end within some seconds. What has not ended by then is killed, with what it started, and is a TimeoutError."""

    def run(arguments: list[str]) -> tuple[int, str, str]:
        return _run(arguments, seconds)

    return run


ask = within(QUESTION)  # what only tells something
change = within(CHANGE)


def _run(arguments: list[str], seconds: float) -> tuple[int, str, str]:
    end = time.monotonic() + seconds
    # In the place of run_command, for the two reasons above.
    process = subprocess.Popen(  # pylint: disable=ansible-bad-function
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
        start_new_session=True,  # so that what it starts can be killed with it
    )
    try:
        output, errors = (bytes(content).decode("utf-8", "replace") for content in _printed(process, end))
        return process.wait(max(0.0, end - time.monotonic())), output, errors
    except subprocess.TimeoutExpired:
        problem = "did not end within %d seconds, and was killed. See %s" % (seconds, HINTS.get(os.path.basename(arguments[0]), HINT))
        raise TimeoutError("{} {}".format(" ".join(arguments[:2]), problem)) from None
    except BufferError:
        raise OSError("%s printed more than %d bytes, and was killed" % (" ".join(arguments[:2]), LONGEST)) from None
    finally:
        if process.returncode is None:
            _kill(process)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _printed(process: subprocess.Popen[bytes], end: float) -> list[bytearray]:
    """Return standard output and standard error of a process until it ends, or has closed both.

    :raises subprocess.TimeoutExpired: it did neither by the moment ``end``.
    :raises BufferError: it printed too much.
    """
    contents = [bytearray(), bytearray()]
    with selectors.DefaultSelector() as selector:
        for pipe, content in zip((process.stdout, process.stderr), contents):
            selector.register(t.cast(t.IO[bytes], pipe), selectors.EVENT_READ, content)
        while selector.get_map():
            # Whether it has ended is asked first: then what it wrote is there to be read, and nothing is lost.
            ended = process.poll() is not None
            left = end - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, 0)
            ready = selector.select(0 if ended else min(left, LOOK))
            if ended and not ready:
                break  # somebody else holds its output open
            for key, _events in ready:
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                key.data.extend(data)
            if sum(map(len, contents)) > LONGEST:
                raise BufferError
    return contents


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(REAPED)
