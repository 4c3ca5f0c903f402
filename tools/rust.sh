# SPDX-License-Identifier: BSD-2-Clause
# Finds the Rust that a build is to use, for tools/core and tools/aoectl, which
# say who they are in `me` and where the project is in `top`.
# shellcheck shell=sh disable=SC2154 # they set these

oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$top/Cargo.toml")

die() {
	echo "$me: $*" >&2
	exit 1
}

# Whether $1 is a rustc that is new enough and has its library's source.
usable() {
	version=$("$1" --version 2>/dev/null | sed -n 's/^rustc \([0-9.]*\).*/\1/p')
	[ -n "$version" ] || return 1
	minor=${version#*.}
	[ "${version%%.*}" -gt 1 ] || [ "${minor%%.*}" -ge "${oldest#*.}" ] || return 1
	library=$("$1" --print sysroot)/lib/rustlib/src/rust/library
	[ -e "$library/core/src/lib.rs" ]
}

# Sets rustc, cargo, version and library.
find_rust() {
	for rustc in ${RUSTC:-/usr/bin/rustc /usr/local/bin/rustc \
	    "$(command -v rustc || :)"}; do
		if usable "$rustc"; then
			cargo=${CARGO:-$(dirname "$rustc")/cargo}
			[ ! -x "$cargo" ] || return 0
		fi
	done
	die "No usable Rust: this needs cargo, rustc $oldest or later and its library sources" \
	    "(FreeBSD: pkg install rust; Debian: apt-get install cargo-web rustc-web rust-web-src;" \
	    "or RUSTC=<path>)."
}
