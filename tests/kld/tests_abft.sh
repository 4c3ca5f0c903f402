# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Firmware's aBFT table: among ACPI's tables, or alone in the first megabyte.

# shellcheck source=tests/kld/lib_ctl.sh
. tests/kld/lib_ctl.sh

# table SIGNATURE REVISION CONTENTS-IN-HEX: prints the table, with its length and
# checksum.
table() {
	python3 - "$@" <<-'PYTHON'
	import sys
	sig, rev, data = sys.argv[1].encode(), int(sys.argv[2]), bytes.fromhex(sys.argv[3])
	t = bytearray(sig + (36 + len(data)).to_bytes(4, "little") + bytes([rev]) + bytes(27) + data)
	t[9] = -sum(t) % 256
	sys.stdout.buffer.write(t)
	PYTHON
}

# Makes a table for em1: shelf 7, slot 3, and the MAC address of em1.
abft_of_em1() {
	local mac
	k if attach em0 wire em0 1500
	k if attach em1 wire em1 1500
	k target add em1 7.3 1m
	k load -k net.aoe.iflist=em1 "$module"
	k wait disk aoe7e3 10
	mac=$(ctl --libxo json paths 7.3 | sed -n 's/.*"local-mac": *"\([0-9a-f:]*\)".*/\1/p')
	k unload
	table aBFT 1 "07000300${mac//:/}" >"$work/abft"
	k target add em0 7.4 1m
}

# Only em1 is used, though net.aoe.iflist does not name it.
uses_em1() {
	k load -k net.aoe.abft=1 "$@" "$module"
	k wait disk aoe7e3 10
	equals em1 k sysctl net.aoe.iflist
	fails_with ENOENT k sysctl net.aoe.target.aoe7e4.state
	k unload
}

uses_none() {
	k load -k net.aoe.abft=1 "$module"
	equals "" k sysctl net.aoe.iflist
	k unload
}

abft_acpi() {
	abft_of_em1
	uses_none
	k firmware 0xf0000 "$work/abft"
	# The RSDP points to the XSDT, which points to the tables.
	table XSDT 1 000009000000000000000f0000000000 >"$work/xsdt"
	k firmware 0xe0000 "$work/xsdt"
	{
		printf 'RSD PTR \0boot  \2'
		printf '\0\0\0\0\44\0\0\0\0\0\16\0\0\0\0\0\0\0\0\0'
	} >"$work/rsdp"
	k firmware 0xd0000 "$work/rsdp"
	uses_em1 -k acpi.rsdp=0xd0000
	# The interface is added to an existing list.
	k load -k net.aoe.abft=1 -k acpi.rsdp=0xd0000 -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e4 10
	k wait disk aoe7e3 10
	equals "em0 em1" k sysctl net.aoe.iflist
	k unload
}
t "the interface that ACPI's aBFT table names is used" abft_acpi

abft_bios() {
	abft_of_em1
	k firmware 0x9f010 "$work/abft"
	uses_em1
	# A wrong checksum, a truncated table, and another host's MAC address.
	printf '\1' | dd of="$work/abft" bs=1 seek=37 conv=notrunc 2>/dev/null
	k firmware 0x9f010 "$work/abft"
	uses_none
	table aBFT 1 0700 >"$work/abft"
	k firmware 0x9f010 "$work/abft"
	uses_none
	table aBFT 1 07000300020202020202 >"$work/abft"
	k firmware 0x9f010 "$work/abft"
	uses_none
}
t "a BIOS's aBFT table is found, and an invalid one is ignored" abft_bios
