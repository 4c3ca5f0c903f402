#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The guest's end of the command channel: runs the scripts that aoevm/agent.py
# sends over the serial port $1.  Each request is one line and gets at least one
# line as its answer.
#	ping N			pong N
#	begin N			a new script N
#	text N TEXT		appends TEXT, escaped for printf %b
#	start N BYTES		runs it in the background, if it arrived whole
#	poll N			its output, each line after a |, and its status; or wait

port=$1
dir=/aoevm/jobs

exec <>"$port"
exec >&0 2>/dev/console
stty raw -echo 115200
mkdir -p "$dir"

run() {
	{ echo 'set -e'; echo '. /aoevm/kit/lib.sh'; cat "$dir/$1"; } >"$dir/$1.sh"
	(
		sh "$dir/$1.sh" >"$dir/$1.out" 2>&1 </dev/null
		echo $? >"$dir/$1.code.new"
		mv "$dir/$1.code.new" "$dir/$1.code"
	) </dev/null >/dev/null 2>&1 &
}

answer() {
	if [ ! -e "$dir/$1.code" ]; then
		echo "wait $1"
		return
	fi
	sed -e 's/^/|/' "$dir/$1.out"
	# A last line without a newline must not swallow the status.
	[ -z "$(tail -c 1 "$dir/$1.out")" ] || echo
	read -r code <"$dir/$1.code"
	echo "exit $1 $code"
	rm -f "$dir/$1" "$dir/$1".*
}

while read -r word number text; do
	case $word in
	ping)
		echo "pong $number"
		;;
	begin)
		: >"$dir/$number"
		echo "ok $number"
		;;
	text)
		printf '%b' "$text" >>"$dir/$number"
		echo "ok $number"
		;;
	start)
		size=$(wc -c <"$dir/$number")
		if [ "$((size))" -eq "$text" ]; then
			run "$number"
			echo "started $number"
		else
			echo "bad $number $size $text"
		fi
		;;
	poll)
		answer "$number"
		;;
	esac
done
