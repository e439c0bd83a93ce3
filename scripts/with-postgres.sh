#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL server on a free loopback port; its URL is in BARTIZAN_TEST_POSTGRES.
# Without an installed PostgreSQL the command runs without it and the tests that want it say that they were skipped.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
if [ -z "$bin" ]; then
	echo "PostgreSQL is not installed: its tests are skipped" >&2
	exec "$@"
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/bartizan-pg.XXXXXX")
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || chown postgres "$dir"
port=$(node -e 'const s=require("net").createServer();s.listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
cleanup() {
	as "$bin/pg_ctl" -D "$dir/db" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap cleanup EXIT
as "$bin/initdb" -D "$dir/db" -U bartizan --auth=trust >/dev/null
as "$bin/pg_ctl" -D "$dir/db" -w -l "$dir/log" -o "-p $port -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=200" start >/dev/null
BARTIZAN_TEST_POSTGRES="postgres://bartizan@127.0.0.1:$port/postgres?sslmode=disable" "$@"
