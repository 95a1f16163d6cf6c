# Made from the definition of the command line by make man.
_tstat_send() {
	local cur=${COMP_WORDS[COMP_CWORD]} at=$((COMP_CWORD - 1)) equals=
	COMPREPLY=()
	# bash splits a word at =: A=B is the three words A, = and B
	if [[ $cur == = ]]; then
		cur= equals=1
	elif [[ ${COMP_WORDS[at]} == = ]]; then
		at=$((at - 1)) equals=1
	fi
	# -d INSTANCE=DIR, --directory=INSTANCE=DIR: the flag stands before INSTANCE
	if [[ $equals && ${COMP_WORDS[at]} != -* ]]; then
		at=$((at - 1))
		[[ ${COMP_WORDS[at]} != = ]] || at=$((at - 1))
	fi
	case ${COMP_WORDS[at]} in
	-d | --directory)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	-c | --config)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-T | --threshold)
		return
		;;
	-t | --transport)
		mapfile -t COMPREPLY < <(compgen -W 'rabbit http file' -- "$cur")
		return
		;;
	-S | --sensor)
		return
		;;
	-I | --instance)
		return
		;;
	-w | --workers)
		return
		;;
	--connections)
		return
		;;
	--channels)
		return
		;;
	--window)
		return
		;;
	--anonymize)
		mapfile -t COMPREPLY < <(compgen -W 'none truncate cryptopan' -- "$cur")
		return
		;;
	--timestamps)
		mapfile -t COMPREPLY < <(compgen -W 's ms' -- "$cur")
		return
		;;
	--udp-duration)
		mapfile -t COMPREPLY < <(compgen -W 's ms' -- "$cur")
		return
		;;
	--max-rate)
		return
		;;
	--since)
		return
		;;
	--until)
		return
		;;
	--rejects)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--progress)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		return
		;;
	--report)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--metrics)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--log-format)
		mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W '-h --help -d --directory -c --config -T --threshold -t --transport -S --sensor -I --instance -s --single -N --no-transport --pretty -w --workers --connections --channels --window --anonymize --timestamps --udp-duration --max-rate --check --status --json --resend --since --until --dry-run --rejects --progress --report --metrics --log-format -v --verbose -D --debug -q --quiet --version' -- "$cur")
}
complete -F _tstat_send tstat_send
