package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestOption(t *testing.T) {
	t.Setenv("TSTAT_TEST_SITE", "sensor7")
	f := mustLoad(t, "[DEFAULT]\ninstance = 4\n[tstat_send]\nDirectory = eth0=/a, /b\nsensor: ${TSTAT_TEST_SITE}\nthreshold =\n")
	for key, want := range map[string]Option{
		"directory": {Value: "eth0=/a, /b", Place: "config.ini:4", key: "directory"},
		"sensor":    {Value: "sensor7", Place: "config.ini:5", key: "sensor"},
		"instance":  {Value: "4", Place: "config.ini:2", key: "instance"},
		"threshold": {}, "transport": {},
	} {
		got, ok := f.Option(key)
		got.Place = shorten(got.Place, f.path)
		if got != want || ok != (want.key != "") {
			t.Errorf("%s: %+v, %t, want %+v", key, got, ok, want)
		}
	}
	o, _ := f.Option("sensor")
	if got := shorten(o.Wrong("a name").Error(), f.path); got != "config.ini:5: [tstat_send] sensor: want a name" {
		t.Error(got)
	}
}

// TestNoOptionWithoutTheSection: a file without the section [tstat_send] is read as the
// Python tool read it, even if its keys have the names of options.
func TestNoOptionWithoutTheSection(t *testing.T) {
	f := mustLoad(t, "[DEFAULT]\nsensor = s\ninstances = 3\n[rabbit]\nhost = h\nsensor = s\n")
	if o, ok := f.Option("sensor"); ok {
		t.Errorf("%+v", o)
	}
	const unknown = " the line has an unknown key and is ignored (the key is not shown: it may be a part of a value)"
	want := "config.ini:2: [DEFAULT]" + unknown + "\nconfig.ini:3: [DEFAULT]" + unknown + "\nconfig.ini:6: [rabbit]" + unknown
	if got := strings.Join(warnings(f), "\n"); got != want {
		t.Errorf("warnings\n%s\nwant\n%s", got, want)
	}
}

func TestUnknownOption(t *testing.T) {
	const unknown = "config.ini:2: [tstat_send] the line has an unknown key (not shown: it may be a part of a value); " +
		"the nearest of directory, instance, sensor, threshold, transport is %s; every other option is a flag only"
	for text, want := range map[string]string{
		"[tstat_send]\ndirectories = /a\n":       `config.ini:2: [tstat_send] unknown key "directories"; is directory meant? Correct or remove it`,
		"[tstat_send]\nworkers = 4\n":            fmt.Sprintf(unknown, "sensor"),
		"[tstat_send]\npassword SECRET= = 4\n":   fmt.Sprintf(unknown, "transport"),
		"[DEFAULT]\ntresholds = 4\n[tstat_send]": `config.ini:2: [DEFAULT] unknown key "tresholds"; is threshold meant? Correct or remove it`,
	} {
		if _, err := load(t, text); err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
