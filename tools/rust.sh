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

# Two builds in one directory wait for each other, where there is flock(1).
lock() {
	exec 9>"$1/lock"
	! command -v flock >/dev/null || flock 9
}

# The user's own settings are not those of this build.
forget_settings() {
	unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS RUSTC_WRAPPER RUSTUP_TOOLCHAIN
}

# For rustc: no path of this machine in what it makes.
# shellcheck disable=SC2034 # for whoever reads this file
remap="--remap-path-prefix=$top/= \
    --remap-path-prefix=${CARGO_HOME:-${HOME:-}/.cargo}/registry/src/="

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
