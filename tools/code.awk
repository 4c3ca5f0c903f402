# SPDX-License-Identifier: BSD-2-Clause
# Reads a disassembly with relocations and prints, one per line, the violations
# of the rules for a kernel module's code.  `arch` is amd64 or arm64.  A stack
# frame above `frame_max` bytes is a violation; the largest frame is written to
# the file `frames`.

function complain(what) {
	if (!(what in said))
		print what
	said[what] = 1
}

function hex(s,    i, n) {
	s = tolower(s)
	for (i = 1; i <= length(s); i++)
		n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return n
}

# A number as objdump prints it in an operand: #0x1f0, $-8, #16.
function number(s) {
	gsub(/[#$]/, "", s)
	if (s ~ /^-/)
		return -number(substr(s, 2))
	return s ~ /^0x/ ? hex(substr(s, 3)) : s + 0
}

function end_function() {
	if (current == "")
		return
	if (frame > largest) {
		largest = frame
		largest_in = current
	}
	if (frame > frame_max)
		complain("the stack frame of " current " has " frame \
		    " bytes, more than " frame_max)
}

# Adds the bytes that an instruction allocates on the stack, for saved registers
# or the local area, to the frame, which begins with the return address.
function amd64_frame(op, args) {
	if (op ~ /^push/)
		frame += 8
	else if (op ~ /^(sub|add|and)/ && args ~ /^\$[^,]*, %rsp$/)
		frame += amd64_change(op, number(substr(args, 1, index(args, ",") - 1)))
	else if (op ~ /^lea/ && args ~ /^-?[0-9a-fx]+\(%rsp\), %rsp$/)
		# lea is an addition that does not change the flags.
		frame += amd64_change("add", number(substr(args, 1, index(args, "(") - 1)))
	else if (op ~ /^(sub|add|and|mov|lea|xchg)/ && args ~ /, %rsp$/ &&
	    args !~ /%rbp\)?, %rsp$/)
		complain("the stack frame of " current " has no fixed size")
}

# The bytes that the instruction allocates on the stack; 0 if it frees some.
function amd64_change(op, n) {
	if (op ~ /^sub/)
		return n > 0 ? n : 0
	return n < 0 ? -n : 0
}

function arm64_frame(op, args,    part, n) {
	n = split(args, part, /, */)
	if (op == "sub" && part[1] == "sp" && part[2] == "sp" && part[3] ~ /^#/)
		frame += number(part[3]) * (part[4] ~ /lsl #12/ ? 4096 : 1)
	else if (op ~ /^st/ && args ~ /\[sp, #-[0-9a-fx]+\]!$/)
		frame -= number(substr(part[n], 1, length(part[n]) - 2))
	else if (part[1] == "sp" && op !~ /^(cmp|cmn|tst)$/ &&
	    args !~ /^sp, (sp, #[0-9a-fx]+(, lsl #12)?|x29(, #.*)?)$/)
		complain("the stack frame of " current " has no fixed size")
}

function amd64_registers(args) {
	if (args ~ /%([xyz]mm[0-9]|mm[0-7]|st|k[0-7])/)
		complain(current " uses a floating-point or vector register")
}

# x18 is the per-CPU pointer: it may be read, as the base of an address or as
# the source of a move or sum, and never named in any other way.
function arm64_registers(op, args,    rest) {
	if ((" " args " ") ~ /[ ,{][vqdshbz]([0-9]|[12][0-9]|3[01])[., }]/)
		complain(current " uses a floating-point or vector register")
	rest = " " args
	if (rest !~ /[^0-9a-z][xw]18([^0-9a-f]|$)/)
		return
	if (rest !~ /\[x18[^\]]*\](!|, )/)
		gsub(/\[x18[],]/, "", rest)
	if (op ~ /^(mov|add|sub|orr)$/)
		sub(/, *x18/, "", rest)
	if (rest ~ /[^0-9a-z][xw]18([^0-9a-f]|$)/)
		complain(current " may write x18: " op " " args)
}

/^[0-9a-f]+ <.*>:$/ {
	end_function()
	current = substr($2, 2, length($2) - 3)
	frame = arch == "amd64" ? 8 : 0
	next
}

# The hook in a relocation, or as the target of a branch.  The operand of an
# adrp does not count: it is the start of a page, which objdump prints as the
# symbol that lies there.
/aoe_shim_panic/ && !/[ \t]adrp[ \t]/ && current != "aoe_shim_panic" {
	complain("reaches aoe_shim_panic from " current)
}

/^ *[0-9a-f]+: / && $2 !~ /^R_/ {
	line = $0
	sub(/^ *[0-9a-f]+:[ \t]*/, "", line)
	sub(/[ \t]*(<[^>]*>|\/\/.*|# .*)$/, "", line)
	op = line
	sub(/[ \t].*/, "", op)
	args = line
	if (!sub(/^[^ \t]+[ \t]+/, "", args))
		args = ""
	if (arch == "amd64") {
		amd64_frame(op, args)
		amd64_registers(args)
	} else {
		arm64_frame(op, args)
		arm64_registers(op, args)
	}
}

END {
	end_function()
	printf "%d (%s)\n", largest, largest_in >frames
}
