// Dashboard prints contrib/grafana/tstat_send.json. It uses Grafana's own library, whose types
// describe a dashboard.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	text, err := generate()
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "dashboard: %v\n", err)
		os.Exit(1)
	}
}

func generate() ([]byte, error) {
	all := dashboard.NewDashboardBuilder("tstat_send").
		Uid(uid).
		Description("Flows of Tstat on their way to RabbitMQ: the metrics of tstat_send and tstat_cull. The table has a line for each sensor; a row below it has the sensor's details.").
		Tags([]string{"tstat"}).
		Time("now-24h", "now").
		Refresh("1m").
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
		WithVariable(choice("job", "Job", "label_values(tstat_send_last_run_timestamp_seconds, job)")).
		WithVariable(choice("sensor", "Sensor (rows)", `label_values(tstat_send_last_run_timestamp_seconds{job=~"$job"}, sensor)`))
	for _, panel := range fleet() {
		all.WithPanel(panel)
	}
	built, err := all.WithRow(sensorRow()).Build()
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	text, err := json.MarshalIndent(built, "", "  ")
	return append(text, '\n'), err
}

// choice returns a variable of the dashboard, with the values of a label. All values are chosen
// by default.
func choice(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(source).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": query, "refId": name}}).
		Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortNaturalAsc).
		Multi(true).
		IncludeAll(true).
		Current(dashboard.VariableOption{
			Selected: new(true),
			Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value:    dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}
