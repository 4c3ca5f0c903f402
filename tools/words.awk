# SPDX-License-Identifier: BSD-2-Clause
# Reads the output of objdump -s, and prints the `count` little-endian 32-bit
# words at the hexadecimal address `at`, in decimal, separated by spaces.

function hex(s,    i, n) {
	for (i = 1; i <= length(s); i++)
		n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return n
}

/^ [0-9a-f]+ / {
	address = hex($1)
	line = substr($0, length($1) + 3, 35)
	gsub(/ /, "", line)
	for (i = 1; i < length(line); i += 2)
		bytes[address++] = hex(substr(line, i, 2))
}

END {
	start = hex(at)
	for (word = 0; word < count; word++) {
		p = start + 4 * word
		if (!((p + 3) in bytes))
			exit
		printf "%s%d", word ? " " : "", bytes[p] + 256 * bytes[p + 1] \
		    + 65536 * bytes[p + 2] + 16777216 * bytes[p + 3]
	}
}
