# SPDX-License-Identifier: BSD-2-Clause
# Counting and reporting, for the tests in this directory.
# shellcheck shell=sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

passed=0
failed=0
skipped=0

ok() {
	passed=$((passed + 1))
	echo "ok - $1"
}

not_ok() {
	failed=$((failed + 1))
	echo "NOT OK - $1"
	[ ! -s "$work/out" ] || sed 's/^/    /' "$work/out"
}

skip() {
	skipped=$((skipped + 1))
	echo "SKIPPED - $1: $2"
}

# says <sentence> <pattern> <command...>: the command must fail, and print the
# pattern.
says() {
	sentence=$1 pattern=$2
	shift 2
	if "$@" >"$work/out" 2>&1; then
		echo "(it succeeded)" >>"$work/out"
		not_ok "$sentence"
	elif grep -q -e "$pattern" "$work/out"; then
		ok "$sentence"
	else
		echo "(expected: $pattern)" >>"$work/out"
		not_ok "$sentence"
	fi
}

# works <sentence> <command...>: the command must succeed.
works() {
	sentence=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		ok "$sentence"
	else
		not_ok "$sentence"
	fi
}

summary() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}
