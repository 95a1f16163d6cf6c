package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// sensorRow returns the row that Grafana repeats for each chosen sensor. The row
// is closed, so that its queries run when somebody opens it.
func sensorRow() *dashboard.RowBuilder {
	return dashboard.NewRowBuilder("$sensor").Repeat("sensor").Collapsed(true).
		WithPanel(graph("Age", "An age that grows without end belongs to something that has stopped.", "s",
			line{"last success", `time() - min(tstat_send_last_success_timestamp_seconds{SENSOR})`},
			line{"last new row", `time() - min(tstat_send_last_row_timestamp_seconds{SENSOR})`},
			line{"newest directory", `time() - min(tstat_send_newest_directory_timestamp_seconds{SENSOR})`},
			line{"oldest unsent directory", `time() - min(tstat_send_oldest_unsent_timestamp_seconds{SENSOR})`})).
		WithPanel(graph("Backlog", "Uncompressed bytes of logs that are not sent.", "decbytes",
			line{"{{root}}", `sum by (root) (tstat_send_backlog_bytes{SENSOR})`})).
		WithPanel(graph("Rows a second", "", "short",
			line{"below the threshold", `sum(rate(tstat_send_below_total{SENSOR}[30m]))`},
			line{"sent", `sum(rate(tstat_send_sent_total{SENSOR}[30m]))`},
			line{"malformed", `sum(rate(tstat_send_malformed_total{SENSOR}[30m]))`})).
		WithPanel(graph("Directories", "", "none",
			line{"found", `sum(tstat_send_found{SENSOR})`},
			line{"unsent", `sum(tstat_send_unsent{SENSOR})`},
			line{"cannot be read, sent or marked", `sum(tstat_send_failed_directories{SENSOR})`})).
		WithPanel(graph("Runs in 30 minutes, by exit status", "", "none",
			line{"{{status}}", `sum by (status) (increase(tstat_send_runs_total{SENSOR}[30m])) > 0`})).
		WithPanel(graph("Errors and warnings in 30 minutes", "", "none",
			line{"errors", `sum(increase(tstat_send_errors_total{SENSOR}[30m]))`},
			line{"warnings", `sum(increase(tstat_send_warnings_total{SENSOR}[30m]))`})).
		WithPanel(graph("Time to confirmation", "From publishing a message to its confirmation.", "s",
			line{"half of the messages", `histogram_quantile(0.5, sum by (le) (rate(tstat_send_confirm_latency_seconds_bucket{SENSOR}[30m])))`},
			line{"99 of 100", `histogram_quantile(0.99, sum by (le) (rate(tstat_send_confirm_latency_seconds_bucket{SENSOR}[30m])))`})).
		WithPanel(graph("Network and broker in 30 minutes", "", "none",
			line{"sent again", `sum(increase(tstat_send_resent_total{SENSOR}[30m]))`},
			line{"returned", `sum(increase(tstat_send_returned_total{SENSOR}[30m]))`},
			line{"refused", `sum(increase(tstat_send_nacked_total{SENSOR}[30m]))`},
			line{"reconnects", `sum(increase(tstat_send_reconnects_total{SENSOR}[30m]))`})).
		WithPanel(graph("Time in each stage", "Seconds a second, summed over the goroutines of a stage: what is slow.", "none",
			line{"{{stage}}", `sum by (stage) (rate(tstat_send_stage_seconds_total{SENSOR}[30m]))`})).
		WithPanel(graph("Bytes a second", "", "Bps",
			line{"read from logs", `sum(rate(tstat_send_bytes_total{SENSOR}[30m]))`},
			line{"bodies of messages", `sum(rate(tstat_send_body_bytes_total{SENSOR}[30m]))`})).
		WithPanel(graph("Length of the last run", "", "s",
			line{"{{root}}", `max by (root) (tstat_send_seconds{SENSOR})`}))
}
