#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# system-packages.sh: installs what tests need of the system and lack, with Debian's packages, as root or with sudo. If
# nothing is missing it does nothing, and needs no right to.

set -euo pipefail

fail() {
	echo "system-packages: $1" >&2
	exit 1
}

missing=()
has() { command -v "$1" >/dev/null; }
has chromium || missing+=(chromium)         # a browser with JavaScript
has redis-server || missing+=(redis-server) # what replicas of the backend share
has curl || missing+=(curl)                 # what the documentation asks servers with
has gcc || missing+=(gcc libc6-dev)         # to build bin/dex
[ "${#missing[@]}" -gt 0 ] || exit 0

has apt-get || fail "tests need ${missing[*]}, and this system has no apt-get: install them some other way"
root=()
if [ "$(id -u)" -ne 0 ]; then
	has sudo || fail "tests need ${missing[*]}: run this as root, as there is no sudo"
	sudo -n true 2>/dev/null || fail "tests need ${missing[*]}: run this as root, as sudo wants a password"
	root=(sudo -n)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# RUNLEVEL=1 keeps servers from being started: tests start their own.
apt() {
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1 || {
		cat "$log" >&2
		fail "installing ${missing[*]} failed in: apt-get $*"
	}
}

echo "system-packages: installing ${missing[*]}: takes about 1 min"
apt update
apt install --yes --no-install-recommends "${missing[@]}"
