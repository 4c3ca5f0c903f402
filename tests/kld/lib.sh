# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For tests/kld/run and tests/net/run: a fresh kld per test, and counting.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
kld=${KLD:-$top/build/kld/kld}
# shellcheck disable=SC2034 # for the scripts that read this file
relay=$top/build/kld/relay
# shellcheck disable=SC2034 # for the scripts that read this file
module=${AOE_KO:-$top/build/15-amd64/aoe.ko}
work=$(mktemp -d /tmp/aoe-kld.XXXXXX)
sock=$work/kld.sock
log=$work/log
passed=0 failed=0 skipped=0
server=
running=

# What a test leaves behind is undone by these, last first; a test that makes
# something adds a line here before it makes it.
undo=()

cleanup() {
	local i
	if [[ -n $running ]]; then
		kill "$running" 2>/dev/null || :
		running=
	fi
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
		eval "${undo[i]}" >/dev/null 2>&1 || :
	done
	undo=()
	if [[ -n $server ]]; then
		kill "$server" 2>/dev/null || :
		wait "$server" 2>/dev/null || :
	fi
	server=
}
# A subshell that is killed before it has dropped this must not run it.
trap '[[ $BASHPID != "$$" ]] || { cleanup; rm -rf "$work"; }' EXIT
trap 'exit 130' INT TERM HUP

# One command to the kld of this test.
k() {
	"$kld" -S "$sock" "$@"
}

# Words in front of kld: how it comes into a network namespace.
start_kld() {
	local i
	rm -f "$sock"
	"$@" "$kld" -s "$sock" >>"$log" 2>&1 &
	server=$!
	for ((i = 0; i < 200; i++)); do
		[[ ! -S $sock ]] || return 0
		sleep 0.01
	done
	echo "kld did not start" >>"$log"
	return 1
}

# The command must fail, and say what.
fails_with() {
	local want=$1 said
	shift
	if said=$("$@" 2>&1); then
		echo "succeeded, but $want was due: $*" >&2
		return 1
	fi
	[[ $said == *"$want"* ]] && return 0
	echo "failed without saying $want: $*: $said" >&2
	return 1
}

# The command must fail: `!` before it would not end the test if it did not.
not() {
	! "$@"
}

# equals WANT COMMAND...: the command prints exactly that.
equals() {
	local want=$1 said
	shift
	said=$("$@")
	[[ $said == "$want" ]] && return 0
	echo "said '$said', not '$want': $*" >&2
	return 1
}

# at_least N COMMAND...
at_least() {
	local want=$1 said
	shift
	said=$("$@")
	((said >= want)) && return 0
	echo "said $said, less than $want: $*" >&2
	return 1
}

# The count of an interface: counts em0 sent
counts() {
	k if list | awk -v name="$1" -v what="$2" '
	    $1 == name { for (i = 2; i < NF; i++) if ($i == what) print $(i+1) }'
}

# A wire with a target of 16 MiB and its disk, on a module that is loaded.
one_disk() {
	local mtu=${1:-9000}
	k if attach em0 wire em0 "$mtu"
	k target add em0 7.3 16m
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e3 5
}

# The disk is open while its target goes, and one of another size comes.
resized_while_open() {
	one_disk
	k open aoe7e3
	k target remove em0 7.3
	k target add em0 7.3 "$1"
	k sysctl net.aoe.discover=1
}

# The node of the path on an interface: path_on em1
path_on() {
	k sysctl -a net.aoe.target.aoe7e3.path |
	    sed -n "s/\\.interface: $1\$//p"
}

# How many lines a command prints.
lines() {
	"$@" | grep -c .
}

# Runs the test as a subshell that stops at the first failure, in at most
# $limit seconds, then asks kld whether a rule was broken.  in_ns are words in
# front of kld, before_test is run first.
in_ns=()
before_test=:
limit=${LIMIT:-180}
[[ -z ${LONG:-} ]] || limit=${LIMIT:-1800}

run_test() {
	local watchdog status
	(
		set -eEuo pipefail
		trap 'echo "line $LINENO: $BASH_COMMAND" >&2' ERR
		trap - EXIT INT TERM HUP
		"$@"
	) >>"$log" 2>&1 &
	running=$!
	(
		trap - EXIT INT TERM HUP
		sleep "$limit" &
		trap 'kill $!' TERM
		wait $! || exit 0
		echo "not done after $limit s; the targets then:"
		timeout 5 "$kld" -S "$sock" sysctl -a net.aoe.target
		kill "$running"
	) >>"$log" 2>&1 &
	watchdog=$!
	wait "$running"
	status=$?
	running=
	kill "$watchdog" 2>/dev/null
	wait "$watchdog" 2>/dev/null
	return $status
}

t() {
	local sentence=$1 status=0 began=$SECONDS broken
	shift
	[[ -z ${ONLY:-} || $sentence == *$ONLY* ]] || return 0
	: >"$log"
	if ! $before_test || ! start_kld "${in_ns[@]}"; then
		status=1
	else
		# Not in a condition: bash would ignore set -e in all of it.
		run_test "$@"
		status=$?
		if ! broken=$(timeout 10 "$kld" -S "$sock" violations 2>&1) ||
		    [[ $broken != 0 ]]; then
			((status == 77)) || status=1
		fi
	fi
	cleanup
	if ((status == 77)); then
		skipped=$((skipped + 1))
		echo "skip $sentence: $(tail -1 "$log")"
	elif ((status == 0)); then
		passed=$((passed + 1))
		echo "ok   $sentence ($((SECONDS - began)) s)"
	else
		failed=$((failed + 1))
		echo "FAIL $sentence"
		grep -v '^kernel: GEOM' "$log" | tail -"${LINES_SHOWN:-40}" |
		    sed 's/^/     | /'
	fi
}

skip() {
	echo "$*"
	exit 77
}

# For tests of the loader: a module that is linked in needs none.
shipped() {
	[[ $module == *.ko ]] || skip "nothing is loaded from a file here"
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	((failed == 0))
}
