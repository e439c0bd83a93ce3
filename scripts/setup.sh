#!/usr/bin/env bash
# Installs what is missing and can be installed without asking: Go modules and npm packages always, Debian packages as root.
# What cannot be installed is named in one line with the command that installs it. Arguments choose parts: go node clickhouse postgres rsyslog chromium (default: go node).
set -euo pipefail
cd "$(dirname "$0")/.."
parts=${*:-go node}

need() { # need COMMAND PACKAGE WHY
	command -v "$1" >/dev/null 2>&1 && return 0
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		echo "installing $2 ($3)" >&2
		if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null 2>&1 ||
			{ apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null 2>&1; }; then
			return 0
		fi
	fi
	echo "missing: $1 ($3). Install it with: sudo apt-get install $2" >&2
	return 1
}

for part in $parts; do
	case $part in
	go)
		command -v go >/dev/null 2>&1 || { echo "missing: go 1.26 or newer. Install it from https://go.dev/dl" >&2; exit 1; }
		need gcc gcc "C compiler for the embedded lake"
		need g++ g++ "C++ runtime for the embedded lake"
		;;
	node)
		command -v node >/dev/null 2>&1 || { echo "missing: node 20 or newer. Install it from https://nodejs.org" >&2; exit 1; }
		major=$(node -p 'process.versions.node.split(".")[0]')
		[ "$major" -ge 20 ] || { echo "node $major is too old: version 20 or newer is needed" >&2; exit 1; }
		;;
	clickhouse) # the server of the tests: the library of an npm package, 540 MB
		test=kql/clickhouse/clickhousetest
		if [ "$(uname -sm)" != "Linux x86_64" ]; then
			echo "ClickHouse for the tests exists for Linux x86_64 only" >&2
			exit 1
		fi
		if [ ! -f $test/node_modules/.installed ] || [ $test/package-lock.json -nt $test/node_modules/.installed ]; then
			(cd $test && npm ci --silent --no-audit --no-fund && touch node_modules/.installed)
		fi
		;;
	postgres) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql "the tests run on PostgreSQL too" ;;
	rsyslog) need rsyslogd rsyslog "tests with a real syslog client" && { ls /usr/lib/*/rsyslog/omelasticsearch.so >/dev/null 2>&1 || need rsyslog-omelasticsearch rsyslog-elasticsearch "tests with a real bulk client"; } ;;
	chromium) need chromium chromium "the browser tests" ;;
	esac
done
