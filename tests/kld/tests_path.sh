# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# The path that a frame takes, and the counters of each path.

# shellcheck source=tests/kld/lib_ctl.sh
. tests/kld/lib_ctl.sh

# two_wires [OPTION...]: two wires to one disk, with both paths up.  The options
# are those of the load command.
two_wires() {
	k if attach em0 wire em0 9000
	k if attach em1 wire em1 9000
	k target add em0 7.3 1m same
	k target add em1 7.3 1m same
	k load "$@" "$module"
	k sysctl net.aoe.iflist="em0 em1"
	k wait disk aoe7e3 5
	k wait net.aoe.target.aoe7e3.path.1.state up 10
}

# Prints the percentage of answers that arrive on em0, for reads one at a time.
share() {
	local path a b
	local -A before
	for path in em0 em1; do
		before[$path]=$(k sysctl "$(path_on $path).received")
	done
	k bench aoe7e3 read seq 4k 1 0.2 >&2
	a=$(k sysctl "$(path_on em0).received")
	b=$(k sysctl "$(path_on em1).received")
	a=$((a - before[em0]))
	b=$((b - before[em1]))
	((a + b > 100))
	echo $((100 * a / (a + b)))
}

# Prints the percentage of answers that arrive on path 0.
share_of_first() {
	local share
	share=$(share)
	[[ $(path_on em0) == *.0 ]] || share=$((100 - share))
	echo "$share"
}

policies() {
	local first
	two_wires
	equals latency k sysctl net.aoe.policy
	equals default k sysctl net.aoe.target.aoe7e3.policy
	k sleep 1
	k sysctl net.aoe.policy=failover
	at_least 95 share_of_first
	k sysctl net.aoe.target.aoe7e3.policy=roundrobin
	first=$(share_of_first)
	((first >= 45 && first <= 55))
	# A target's own policy takes precedence over the global one.
	k sysctl net.aoe.policy=latency
	equals roundrobin k sysctl net.aoe.target.aoe7e3.policy
	k sysctl net.aoe.policy=failover
	k sysctl net.aoe.target.aoe7e3.policy=default
	at_least 95 share_of_first
	# The second path is used when the first is down.
	first=em0
	[[ $(path_on em0) == *.0 ]] || first=em1
	k if link $first down
	first=$(share_of_first)
	((first <= 5))
	fails_with EINVAL k sysctl net.aoe.policy=default
	fails_with EINVAL k sysctl net.aoe.policy=fast
	fails_with EINVAL k sysctl net.aoe.target.aoe7e3.policy=fast
	equals failover k sysctl net.aoe.policy
	k unload
}
t "the policy, global or of a target, selects the path" policies

policy_tunables() {
	two_wires -k net.aoe.policy=failover \
	    -k net.aoe.target.aoe7e3.policy=roundrobin
	equals failover k sysctl net.aoe.policy
	equals roundrobin k sysctl net.aoe.target.aoe7e3.policy
	k unload
	k load -k net.aoe.policy=nonsense "$module"
	equals latency k sysctl net.aoe.policy
	k unload
}
t "policies are read from the loader's environment" policy_tunables

histogram() {
	local text sum=0 pair
	k load "$module"
	one_disk
	k bench aoe7e3 read seq 4k 1 0.2
	text=$(k sysctl net.aoe.target.aoe7e3.path.0.histogram)
	for pair in $text; do
		# A power of two or zero, and a count.
		((${pair%:*} >= 0 && ${pair#*:} > 0))
		(((${pair%:*} & (${pair%:*} - 1)) == 0))
		sum=$((sum + ${pair#*:}))
	done
	# All answers except those to IDENTIFY, payload probes and config queries.
	at_least "$sum" k sysctl net.aoe.target.aoe7e3.path.0.received
	((sum > 100))
	((sum + 10 >= $(k sysctl net.aoe.target.aoe7e3.path.0.received)))
	k unload
}
t "each path has a histogram of response times" histogram

paths_up() {
	k sysctl -a net.aoe.target.aoe7e3.path | grep -c "state: up"
}

path_left_out() {
	local i
	k load "$module"
	for i in {0..16}; do
		k if attach "em$i" wire "em$i" 1500
		k target add "em$i" 7.3 16m 7.3:wire
	done
	# A few at a time, since the number of unidentified paths is limited.
	ctl interfaces em0 em1 em2 em3
	for i in {3..16}; do
		# shellcheck disable=SC2046,SC2086 # words
		ctl interfaces $(printf 'em%d ' $(seq 0 $i))
		k sleep 0.2
	done
	ctl discover
	k sleep 0.5
	equals 16 paths_up
	at_least 1 k sysctl net.aoe.target.aoe7e3.paths_left_out
	equals 1 grep -c 'aoe7e3: 16 paths are in use; the path to 02:ae:00:07:03:00 is left out' "$log"
	text "paths-left-out +[1-9]" stats 7.3
	k unload
}
t "a path beyond the limit is counted and reported" path_left_out
