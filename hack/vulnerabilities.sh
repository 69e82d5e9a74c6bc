#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# vulnerabilities.sh GOVULNCHECK: fails if the Go module of the current folder calls code that is known to be vulnerable. Where the
# database (GOVULNDB, by default https://vuln.go.dev) cannot be reached, it says so and checks nothing; whatever else goes wrong is a failure.

set -euo pipefail

check=$1
database=${GOVULNDB:-https://vuln.go.dev}

# With -version the program says when the database was changed last, if it gets to know.
if ! timeout 20 "$check" -db "$database" -version | grep '^DB updated:' >/dev/null; then
	echo "lint: govulncheck is skipped: its database $database cannot be reached"
	exit 0
fi
"$check" -db "$database" ./...
