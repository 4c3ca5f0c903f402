# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For tests/kld/run and tests/net/run: runs each test with a fresh kld, and
# counts the results.

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

# Commands that undo what a test leaves behind, run from the last to the first;
# a test that makes something adds a command before it does so.
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
# A subshell that is killed before it resets this trap must not run it.
trap '[[ $BASHPID != "$$" ]] || { cleanup; rm -rf "$work"; }' EXIT
trap 'exit 130' INT TERM HUP

# Sends one command to the kld of this test.
k() {
	"$kld" -S "$sock" "$@"
}

# Starts kld.  The arguments go in front of its command, for example to run it
# in a network namespace.
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

# fails_with WANT COMMAND...: the command fails and prints WANT.
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

# The command must fail.  A plain `!` would not end the test if it succeeded.
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

# at_least N COMMAND...: the command prints N or a larger number.
at_least() {
	local want=$1 said
	shift
	said=$("$@")
	((said >= want)) && return 0
	echo "said $said, less than $want: $*" >&2
	return 1
}

# Prints a counter of an interface: counts em0 sent
counts() {
	k if list | awk -v name="$1" -v what="$2" '
	    $1 == name { for (i = 2; i < NF; i++) if ($i == what) print $(i+1) }'
}

# one_disk [MTU]: makes a wire with a target of 16 MiB, and waits for its disk.
# The module is loaded.
one_disk() {
	local mtu=${1:-9000}
	k if attach em0 wire em0 "$mtu"
	k target add em0 7.3 16m
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e3 5
}

# Replaces the target of an open disk with one of another size.
resized_while_open() {
	one_disk
	k open aoe7e3
	k target remove em0 7.3
	k target add em0 7.3 "$1"
	k sysctl net.aoe.discover=1
}

# Prints the sysctl node of the path on an interface: path_on em1
path_on() {
	k sysctl -a net.aoe.target.aoe7e3.path |
	    sed -n "s/\\.interface: $1\$//p"
}

# Counts the lines that a command prints, except for empty ones.
lines() {
	"$@" | grep -c .
}

# run_test runs the test as a subshell that stops at the first failure, for at
# most $limit seconds.  t() calls it and then asks kld whether a rule was broken.
# in_ns are words in front of kld's command; before_test is run first.
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

# Skips a test of the loader if the module is linked into kld.
shipped() {
	[[ $module == *.ko ]] || skip "nothing is loaded from a file here"
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	((failed == 0))
}
