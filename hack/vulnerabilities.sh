#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# vulnerabilities.sh GOVULNCHECK: fails if the Go module of the current folder calls code that is known to be vulnerable. Where the
# database (GOVULNDB, by default https://vuln.go.dev) cannot be reached, it says so and checks nothing; whatever else goes wrong is a failure.
# GOVULNDB_PATIENCE (20) is how many seconds it waits for the database.

set -euo pipefail

check=$1
database=${GOVULNDB:-https://vuln.go.dev}

# With -version the program says when the database was changed last, if it gets to know. To wait for it in vain is not to know; that the
# program does not run, or gives up, is something else.
status=0
version=$(timeout "${GOVULNDB_PATIENCE:-20}" "$check" -db "$database" -version) || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 124 ]; then
	echo "lint: $check -version has failed with status $status" >&2
	exit "$status"
fi
if ! grep '^DB updated:' <<<"$version" >/dev/null; then
	echo "lint: govulncheck is skipped: its database $database cannot be reached"
	exit 0
fi
"$check" -db "$database" ./...
