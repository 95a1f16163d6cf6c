package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const hour = 3600.0

// sinceRun is the time since a run of the sensor last wrote its metrics. If a sensor has several
// lines in its crontab, the line that has not run for the longest time counts.
const sinceRun = `time() - min by (sensor) (max by (sensor, root) ({__name__=~"tstat_send_last_run_timestamp_seconds|tstat_send_heartbeat_timestamp_seconds", JOB}))`

// fleet returns the panels about all sensors. An age is red from the limit of its alert on.
func fleet() []cog.Builder[dashboard.Panel] {
	sensors := tablePanel("Sensors", "The worst of a sensor's roots. Click on a sensor to see its row only.", 24, []string{"sensor"}, []column{
		{title: "Last run", expression: sinceRun, unit: "s", limits: limits(0.5*hour, hour)},
		{title: "Last success", expression: `time() - min by (sensor) (tstat_send_last_success_timestamp_seconds{JOB})`, unit: "s", none: "never", limits: limits(hour, 2*hour)},
		{title: "Exit status", expression: `max by (sensor) (tstat_send_status{JOB})`, unit: "none", limits: limits(1, 76)},
		{title: "Newest directory", expression: `time() - min by (sensor) (tstat_send_newest_directory_timestamp_seconds{JOB})`, unit: "s", none: "none", limits: limits(2*hour, 3*hour)},
		{title: "Oldest unsent", expression: `time() - min by (sensor) (tstat_send_oldest_unsent_timestamp_seconds{JOB})`, unit: "s", none: "none", limits: limits(2*hour, 3*hour)},
		{title: "Backlog", expression: `sum by (sensor) (tstat_send_backlog_bytes{JOB})`, unit: "decbytes"},
		{title: "Failing directories", expression: `sum by (sensor) (tstat_send_failed_directories{JOB})`, unit: "none", limits: limits(1, 10)},
		{title: "Rows", expression: `sum by (sensor) (increase(tstat_send_rows_total{JOB}[$__range]))`, unit: "short"},
		{title: "Malformed rows", expression: `sum by (sensor) (increase(tstat_send_malformed_total{JOB}[$__range]))`, unit: "short"},
		{title: "Errors", expression: `sum by (sensor) (increase(tstat_send_errors_total{JOB}[$__range]))`, unit: "short", limits: limits(1, 10)},
	}).
		OverrideByName("sensor", []dashboard.DynamicConfigValue{
			{Id: "displayName", Value: "Sensor"},
			{Id: "links", Value: []map[string]any{{
				"title": "this sensor's row", "url": "/d/" + uid + "?var-sensor=${__value.raw}&${datasource:queryparam}&${job:queryparam}&${__url_time_range}",
			}}},
		}).
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName("Last success").Desc(true)})

	return []cog.Builder[dashboard.Panel]{
		number("Sensors", "Sensors whose metrics Prometheus has now.", `count(count by (sensor) (tstat_send_last_run_timestamp_seconds{JOB}))`, "none", nil),
		number("Without success for two hours", "Sensors with a root for which no run ended with exit status 0 in that time.",
			`count(count by (sensor) (tstat_send_last_run_timestamp_seconds{JOB} unless on (instance, sensor, root) time() - tstat_send_last_success_timestamp_seconds{JOB} < 7200)) or vector(0)`, "none", limits(1, 2)),
		number("Without a new directory for three hours", "Roots below which Tstat has started no directory in that time, and roots without any directory.",
			`count(tstat_send_found{JOB} unless on (instance, sensor, root) time() - tstat_send_newest_directory_timestamp_seconds{JOB} < 10800) or vector(0)`, "none", limits(1, 2)),
		number("Backlog", "Uncompressed bytes of logs that are not sent.", `sum(tstat_send_backlog_bytes{JOB})`, "decbytes", nil),
		number("Oldest unsent directory", "Its age. Nothing unsent is culled.", `time() - min(tstat_send_oldest_unsent_timestamp_seconds{JOB})`, "s", limits(2*hour, 3*hour)),
		number("Disks that are short", "Roots on whose disk tstat_cull --min-free was not reached.", `count(tstat_cull_lacking_bytes{JOB} > 0) or vector(0)`, "none", limits(1, 2)),
		sensors,
		graph("Rows a second, all sensors", "", "short",
			line{"below the threshold", `sum(rate(tstat_send_below_total{JOB}[30m]))`},
			line{"sent", `sum(rate(tstat_send_sent_total{JOB}[30m]))`},
			line{"malformed", `sum(rate(tstat_send_malformed_total{JOB}[30m]))`}),
		graph("Backlog, all sensors", "Uncompressed bytes of logs that are not sent.", "decbytes",
			line{"backlog", `sum(tstat_send_backlog_bytes{JOB})`}),
		tablePanel("tstat_cull", "A line for each root.", 12, []string{"instance", "root"}, []column{
			{title: "Last success", expression: `time() - max by (instance, root) (tstat_cull_last_success_timestamp_seconds{JOB})`, unit: "s", none: "never", limits: limits(2*hour, 4*hour)},
			{title: "Exit status", expression: `max by (instance, root) (tstat_cull_status{JOB})`, unit: "none", limits: limits(1, 76)},
			{title: "Lacking on the disk", expression: `max by (instance, root) (tstat_cull_lacking_bytes{JOB})`, unit: "decbytes", limits: limits(1, 1e9)},
			{title: "Failed directories", expression: `max by (instance, root) (tstat_cull_failed{JOB})`, unit: "none", limits: limits(1, 10)},
			{title: "Unsent directories", expression: `max by (instance, root) (tstat_cull_unmarked{JOB})`, unit: "none"},
			{title: "Deleted", expression: `sum by (instance, root) (increase(tstat_cull_bytes_total{JOB}[$__range]))`, unit: "decbytes"},
		}),
		tablePanel("Versions", "", 5, []string{"version"}, []column{
			{title: "Sensors", expression: `count by (version) (count by (version, sensor) (tstat_send_build_info{JOB}))`, unit: "none"},
		}),
	}
}
