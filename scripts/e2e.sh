#!/usr/bin/env bash
# Starts the real server with the evaluation lab in a throw-away folder and runs the browser tests against it.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v chromium >/dev/null 2>&1; then
	echo "chromium is not installed: the browser tests are skipped"
	exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/bartizan-e2e.XXXXXX")
port=$(node -e 'const s=require("net").createServer();s.listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
BARTIZAN_ADMIN_PASSWORD="e2e-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
export BARTIZAN_ADMIN_PASSWORD
bin/bartizan user add --data "$dir/data" --role GlobalAdministrator --password-env BARTIZAN_ADMIN_PASSWORD e2e >/dev/null
bin/bartizan serve --data "$dir/data" --listen "127.0.0.1:$port" --lab >"$dir/log" 2>&1 &
server=$!
cleanup() {
	kill "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
for _ in $(seq 1 120); do
	if curl -fsS "http://127.0.0.1:$port/readyz" >/dev/null 2>&1; then break; fi
	kill -0 "$server" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
	sleep 0.5
done
(cd web && BARTIZAN_URL="http://127.0.0.1:$port" BARTIZAN_USER=e2e BARTIZAN_PASSWORD="$BARTIZAN_ADMIN_PASSWORD" npm run --silent e2e) || { tail -50 "$dir/log" >&2; exit 1; }
