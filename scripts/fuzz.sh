#!/usr/bin/env bash
# Runs every fuzz target for the given time, one after the other, in the order of their packages; a list of targets and times is printed at the end. All
# targets run even when one has a finding; making an input that is merely new smaller is cut short, as it takes a minute each and looks like a target that hangs. Packages and targets are those that `go test -list` knows. Further arguments name packages.
set -uo pipefail
cd "$(dirname "$0")/.."
time=${1:-5m}
shift || true
packages=("$@")
if [ ${#packages[@]} -eq 0 ]; then
	mapfile -t packages < <(grep -rlE '^func Fuzz' --include='*_test.go' --exclude-dir=node_modules . | xargs -r -n1 dirname | sort -u)
fi
report=$(mktemp)
trap 'rm -f "$report"' EXIT
failed=0
for package in "${packages[@]}"; do
	targets=$(go test -list '^Fuzz' "$package" | grep '^Fuzz') || continue
	for target in $targets; do
		echo "== $package $target"
		start=$SECONDS
		if go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x; then outcome=ok; else
			outcome=FOUND
			failed=1
		fi
		printf '%-7s %5ds  %s %s\n' "$outcome" "$((SECONDS - start))" "$package" "$target" | tee -a "$report"
	done
done
echo
sort -r "$report"
exit $failed
