# Made from the definition of the command line by make man.
complete -c tstat_cull -f
complete -c tstat_cull -s h -l help -d 'Show context-sensitive help'
complete -c tstat_cull -s d -l directory -x -a '(__fish_complete_directories)' -d 'Where Tstat writes its directories of logs: those below DIR that end in .out are looked at'
complete -c tstat_cull -s t -l ttl -x -d 'Hours that a directory stays after it was marked; fractions are allowed'
complete -c tstat_cull -l min-free -x -d 'When less than this is free on the disk of DIR, delete the oldest directories that are sent before their time, as few as needed, and none that was written to in the last two hours'
complete -c tstat_cull -s D -l dry-run -d 'Log what would be deleted, and delete nothing'
complete -c tstat_cull -s w -l workers -x -d 'Directories to examine and delete at a time'
complete -c tstat_cull -l report -r -F -d 'Write an account of the run to FILE, as JSON; docs/monitoring.md describes it'
complete -c tstat_cull -l metrics -r -F -d 'Write the run'\''s metrics to FILE for the textfile collector of Prometheus'\''s node_exporter'
complete -c tstat_cull -s q -l quiet -d 'Log no summary if the exit status is 0'
complete -c tstat_cull -s v -l verbose -d 'Log each directory that is deleted or skipped'
complete -c tstat_cull -l log-format -x -a 'text json' -d 'Format of the log on standard error: text (key=value) or json'
complete -c tstat_cull -l version -d 'Print the version and exit'
