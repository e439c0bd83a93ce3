#!/usr/bin/env bash
# Starts the real server with the evaluation lab in a throw-away folder and runs the browser tests against it, first sign-in included.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/bartizan-e2e.XXXXXX")
port=$(node -e 'const s=require("net").createServer();s.listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
mkdir "$dir/trail" # what a connector fetches from
bin/bartizan serve --connect-folders "$dir/trail" --data "$dir/data" --listen "127.0.0.1:$port" --lab >"$dir/out" 2>"$dir/log" &
server=$!
cleanup() {
	kill "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
for _ in $(seq 1 240); do
	if grep -q "the evaluation lab is loaded" "$dir/log"; then break; fi
	kill -0 "$server" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
	sleep 0.25
done
password=$(awk '/one-time password/ {found=1; next} found && NF {print $1; exit}' "$dir/out")
[ -n "$password" ] || { echo "the server printed no one-time password" >&2; cat "$dir/out" "$dir/log" >&2; exit 1; }
cd web
BARTIZAN_URL="http://127.0.0.1:$port" BARTIZAN_USER=admin BARTIZAN_PASSWORD="$password" BARTIZAN_TRAIL="$dir/trail" npm run --silent e2e || { tail -50 "$dir/log" >&2; exit 1; }
