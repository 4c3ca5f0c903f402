# SPDX-License-Identifier: BSD-2-Clause
# Completion of aoectl(8) for bash and for a sh that has bash's complete.

_aoectl_targets()
{
	aoectl list 2>/dev/null | sed -n 's/^\(aoe[0-9]*e[0-9]*\) .*/\1/p'
}

_aoectl()
{
	local current words
	current=${COMP_WORDS[COMP_CWORD]}
	words=
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="list status paths stats log interfaces discover
		    revalidate accept flush ping sancheck identify smart config mask
		    reserve doctor watch top version help
		    --libxo"
	else
		case ${COMP_WORDS[1]}:$COMP_CWORD in
		interfaces:*)
			words="-a -d -f -n $(ifconfig -l 2>/dev/null)" ;;
		accept:*)
			words="-f -p $(_aoectl_targets)" ;;
		flush:*)
			words="-a $(_aoectl_targets)" ;;
		log:*)
			words="-f -n $(_aoectl_targets)" ;;
		top:*)
			words="-b -i -n -p $(_aoectl_targets)" ;;
		watch:*)
			words="-n $(_aoectl_targets)" ;;
		ping:*)
			words="-A -c -i -p -t $(_aoectl_targets)" ;;
		config:3)
			words="read test prefix set force" ;;
		mask:3)
			words="read add delete clear" ;;
		reserve:3)
			words="read set force release" ;;
		config:2 | mask:2 | reserve:2 | list:* | status:* | paths:* | \
		    stats:* | discover:* | revalidate:* | sancheck:* | \
		    identify:* | smart:* | doctor:*)
			words=$(_aoectl_targets) ;;
		esac
	fi
	# shellcheck disable=SC2207 # words without blanks
	COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _aoectl aoectl
