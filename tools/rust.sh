# SPDX-License-Identifier: BSD-2-Clause
# Finds a Rust for tools/core and tools/aoectl, which read this file.  They set
# `me` to their name, and `top` to the project's top directory.
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

# Makes two builds in one directory wait for each other, if flock(1) exists.
lock() {
	exec 9>"$1/lock"
	! command -v flock >/dev/null || flock 9
}

# Removes settings of the user that would change the build.
forget_settings() {
	unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS RUSTC_WRAPPER RUSTUP_TOOLCHAIN
}

# Options of rustc that keep paths of this machine out of its output.
# shellcheck disable=SC2034 # used by the scripts that read this file
remap="--remap-path-prefix=$top/= \
    --remap-path-prefix=${CARGO_HOME:-${HOME:-}/.cargo}/registry/src/="

# Finds a Rust, and sets rustc, cargo, version and library.
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
