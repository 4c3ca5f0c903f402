# SPDX-License-Identifier: BSD-2-Clause
# Reads a list of the existing probes, "name arguments" a line, and then a
# script for dtrace(1); prints the faults in the script.

function wrong(what) {
	printf "    %s:%d: %s\n", FILENAME, FNR, what
	bad = 1
}

FNR == NR {
	arity[$1] = $2
	next
}

/^#/ {
	next
}

# Comments are on separate lines.
/^ *\/?\*/ {
	next
}

{
	code = $0
	gsub(/"[^"]*"/, "", code)
	if (code ~ /"/)
		wrong("a string is not closed")
	if (match(code, /^aoe:[a-z:]*/)) {
		name = substr(code, RSTART, RLENGTH)
		if (!(name in arity))
			wrong("there is no probe " name)
		arguments = arity[name]
		clauses++
	} else if (code ~ /^(dtrace:|tick-)/)
		arguments = -1
	while (match(code, /(^|[^$a-z])arg[0-9]/)) {
		n = substr(code, RSTART + RLENGTH - 1, 1)
		if (n >= arguments)
			wrong("arg" n " is more than " name " has")
		code = substr(code, RSTART + RLENGTH)
	}
	depth += gsub(/{/, "{", $0) - gsub(/}/, "}", $0)
	round += gsub(/\(/, "(", $0) - gsub(/\)/, ")", $0)
	square += gsub(/\[/, "[", $0) - gsub(/\]/, "]", $0)
	if (depth < 0 || round < 0 || square < 0)
		wrong("closes what was not opened")
}

END {
	if (depth != 0 || round != 0 || square != 0)
		wrong("something is not closed")
	if (clauses == 0)
		wrong("uses no probe of ours")
	exit bad
}
