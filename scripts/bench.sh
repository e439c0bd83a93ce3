#!/usr/bin/env bash
# Prints the measures (`name value unit`); $1 chooses a group. Lists are measured on SQLite and, where it is installed, on PostgreSQL. BARTIZAN_TEST_RULES names a folder
# of further rules for the sigma and ingest groups.
set -euo pipefail
cd "$(dirname "$0")/.."
exec scripts/with-postgres.sh go run ./bench "${1:-all}"
