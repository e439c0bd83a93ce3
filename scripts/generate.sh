#!/usr/bin/env bash
# Regenerates what is made from code: the manual's pages of settings, of what runs where and of the query language, and the web client's types from the OpenAPI description of a server started for it.
set -euo pipefail
cd "$(dirname "$0")/.."
go test ./internal/platform/config -run Reference -update
go test ./kql/kqltest -run Engines -update
go test ./kql/kqltest -run TestReference -update-reference
go build -o bin/bartizan ./cmd/bartizan
dir=$(mktemp -d "${TMPDIR:-/tmp}/bartizan-generate.XXXXXX")
port=$(node -e 'const s=require("net").createServer();s.listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
bin/bartizan serve --data "$dir/data" --listen "127.0.0.1:$port" >/dev/null 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
for _ in $(seq 1 120); do
	if curl -fsS "http://127.0.0.1:$port/readyz" >/dev/null 2>&1; then break; fi
	sleep 0.25
done
cd web
BARTIZAN_URL="http://127.0.0.1:$port" npm run --silent generate
npx prettier --log-level warn --write src/api/generated.ts
