package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

const uid = "tstat-send"

// source is the data source that the variable datasource chooses.
var source = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// selector replaces JOB in an expression with the chosen jobs, and SENSOR with the chosen jobs
// and the sensor of a row.
var selector = strings.NewReplacer("JOB", `job=~"$job"`, "SENSOR", `job=~"$job", sensor=~"$sensor"`)

// refID names the i-th query of a panel, as Grafana does.
func refID(i int) string { return string(rune('A' + i)) }

func query(i int, expression string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().RefId(refID(i)).Datasource(source).Expr(selector.Replace(expression))
}

// limits returns the colours of a value: green, orange from warning on, red from critical on.
func limits(warning, critical float64) []dashboard.Threshold {
	return []dashboard.Threshold{
		{Color: "green"}, {Color: "orange", Value: &warning}, {Color: "red", Value: &critical},
	}
}

// A column of a table shows the values of a query, which returns one series for each line.
type column struct {
	title, expression string
	unit              string
	none              string // shown where the query has no series for a line
	limits            []dashboard.Threshold
}

// tablePanel returns a table with a line for each combination of the labels in key.
func tablePanel(title, description string, height uint32, key []string, list []column) *table.PanelBuilder {
	names, order := map[string]string{}, map[string]int{}
	for i, label := range key {
		order[label] = i
	}
	panel := table.NewPanelBuilder().Title(title).Description(description).Datasource(source).Span(24).Height(height).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{}))
	for i, c := range list {
		value := "Value #" + refID(i)
		names[value], order[value] = c.title, len(key)+i
		panel.WithTarget(query(i, c.expression).Instant().Format(prometheus.PromQueryFormatTable))
		properties := []dashboard.DynamicConfigValue{{Id: "unit", Value: c.unit}}
		if c.none != "" {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "noValue", Value: c.none})
		}
		if c.limits != nil {
			properties = append(properties,
				dashboard.DynamicConfigValue{Id: "thresholds", Value: dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: c.limits}},
				dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: map[string]any{"type": "color-text"}})
		}
		panel.OverrideByName(c.title, properties)
	}
	// Merges the results of the queries into one table.
	return panel.
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true}, "renameByName": names, "indexByName": order,
		}})
}

// number returns a panel with one value.
func number(title, description, expression, unit string, steps []dashboard.Threshold) *stat.PanelBuilder {
	panel := stat.NewPanelBuilder().Title(title).Description(description).Datasource(source).Span(4).Height(4).
		Unit(unit).GraphMode(common.BigValueGraphModeNone).NoValue("none").
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		WithTarget(query(0, expression).Instant())
	if steps == nil {
		return panel.ColorMode(common.BigValueColorModeNone)
	}
	return panel.Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps))
}

// A line is a query of a graph. Its legend may hold labels, such as {{root}}.
type line struct{ legend, expression string }

func graph(title, description, unit string, list ...line) cog.Builder[dashboard.Panel] {
	panel := timeseries.NewPanelBuilder().Title(title).Description(description).Datasource(source).Span(12).Height(8).
		Unit(unit).Min(0).LineWidth(1).FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true))
	for i, l := range list {
		panel.WithTarget(query(i, l.expression).Range().LegendFormat(l.legend))
	}
	return panel
}
