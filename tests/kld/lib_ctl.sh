# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which comes first, sets them
# aoectl(8) for the tests of the kld and net rungs.

# Runs the tool on the module of this test.
ctl() {
	AOECTL_KLD=$sock "$top/build/kld/aoectl" "$@"
}

# Prints the tool's output in one line.
ctl_line() {
	local said
	said=$(ctl "$@")
	echo "${said//$'\n'/ }"
}

# exits STATUS COMMAND...: the tool ends with that status.
exits() {
	local want=$1 status=0
	shift
	ctl "$@" || status=$?
	((status == want)) && return 0
	echo "exit status $status, not $want: $*" >&2
	return 1
}

# json EXPRESSION COMMAND...: the expression is true; in it, `o` is the value of
# "aoe" in the tool's JSON.
json() {
	local expression=$1
	shift
	ctl --libxo json "$@" >"$work/json" || :
	python3 -c '
import json, sys
whole = json.load(open(sys.argv[1]))
assert whole["__version"] == "1", whole
o = whole["aoe"]
assert eval("(" + sys.argv[2] + ")"), (sys.argv[2], o)
' "$work/json" "$expression"
}

# Counts the lines that a command prints, including empty ones.
count_lines() {
	"$@" | wc -l
}

# text REGEX COMMAND...: the tool's output matches the expression.
text() {
	local want=$1 said
	shift
	said=$(ctl "$@") || :
	[[ $said =~ $want ]] && return 0
	echo "nothing like '$want' in '$said': $*" >&2
	return 1
}
