#!/usr/bin/env bash
# Every test. Sets up what is missing first. The last lines come from the test runners.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh go node
scripts/setup.sh clickhouse || true # its tests say that they were skipped, and fail where CI=true
scripts/setup.sh postgres || true # its tests say that they were skipped
scripts/setup.sh rsyslog || true # likewise
scripts/setup.sh chromium || true # likewise
go mod download
make --no-print-directory build
scripts/lint.sh
echo "== portal tests"
(cd web && npm run --silent test && npm run --silent size)
echo "== content tests"
bin/bartizan content test
echo "== browser tests"
scripts/e2e.sh
echo "== Go tests"
scripts/with-postgres.sh go test -timeout 20m ./...
