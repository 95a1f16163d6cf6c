# Made from the definition of the command line by make man.
_tstat_cull() {
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
	-t | --ttl)
		return
		;;
	--min-free)
		return
		;;
	-w | --workers)
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
	mapfile -t COMPREPLY < <(compgen -W '-h --help -d --directory -c --config -t --ttl --min-free -D --dry-run -w --workers --report --metrics -q --quiet -v --verbose --log-format --version' -- "$cur")
}
complete -F _tstat_cull tstat_cull
