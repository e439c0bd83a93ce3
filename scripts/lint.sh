#!/usr/bin/env bash
# Linters of both halves. Every finding is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "== go vet, staticcheck, gofumpt"
go vet ./...
go tool staticcheck ./...
unformatted=$(git ls-files -co --exclude-standard '*.go' | xargs go tool gofumpt -l)
if [ -n "$unformatted" ]; then
	printf 'not formatted (go tool gofumpt -w):\n%s\n' "$unformatted" >&2
	exit 1
fi
echo "== portal: types, ESLint, Prettier"
(cd web && npm run --silent typecheck && npm run --silent lint)
