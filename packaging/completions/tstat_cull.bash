# Made from the definition of the command line by make man.
_tstat_cull() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	# --flag=value comes as three words
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $prev in
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
