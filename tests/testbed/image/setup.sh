# shellcheck shell=sh
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes a host out of a minimal Debian, while the image is built. Arguments: packages.
set -eu
export DEBIAN_FRONTEND=noninteractive

# What container images carry and servers do not: it would keep packages from starting their services.
rm -f /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/docker-clean /etc/dpkg/dpkg.cfg.d/docker
# The machine's sources, or Debian's image's own, take the place of those that debootstrap leaves.
test ! -e /etc/apt/sources.list.d/debian.sources || rm -f /etc/apt/sources.list

# A host without lists would fail tests much later; by itself apt ends well where it reached no source, or knows of none.
apt-get update -q -o APT::Update::Error-Mode=any
test -n "$(apt-get indextargets 'Created-By: Packages')" || { echo "apt has no package sources" >&2; exit 1; }
apt-get install -y -q --no-install-recommends "$@"
apt-get clean
update-ca-certificates

# The user that Ansible logs in as. '*' is no password, and unlike '!' it does not lock the account.
useradd --create-home --shell /bin/bash --password '*' admin
install -d -o admin -g admin -m 0700 /home/admin/.ssh
echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin
chmod 0440 /etc/sudoers.d/admin

# Each host makes its own host key and machine id when it boots first.
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
: >/etc/machine-id
cat >/etc/ssh/sshd_config.d/testbed.conf <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin no
UseDNS no
END
mkdir -p /etc/systemd/system/ssh.service.d
cat >/etc/systemd/system/ssh.service.d/testbed.conf <<'END'
[Service]
ExecStartPre=
ExecStartPre=/bin/sh -c 'test -s /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key'
ExecStartPre=/usr/sbin/sshd -t
END

# The kernel's modules are the machine's business. apt's timers would hold the package lock at a moment of their choice.
systemctl mask systemd-modules-load.service apt-daily.timer apt-daily-upgrade.timer
systemctl enable ssh.service
