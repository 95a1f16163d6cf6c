package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/config"
	"tstat-transport/internal/privacy"
)

// systemConfig is read if --config is not given and its default does not exist. Tests
// change it.
var systemConfig = "/etc/tstat-transport/config.ini"

// configuration is the ini file, and the origin of each option that may be set there
// or by a flag.
type configuration struct {
	file       *config.File      // nil if the file was not read or could not be read
	err        error             // why the file cannot be used
	privacyErr error             // the same, for a run that uses only the section [privacy]
	origins    map[string]string // by option; see origin
}

// readConfiguration reads the ini file and sets the options that no flag has set. It
// keeps an error in configuration.err, and backend returns that error later: a run whose
// roots are known still counts and reports the directories that it cannot send.
func (c *command) readConfiguration(parsed *kong.Context) {
	conf := &c.configuration
	conf.origins = make(map[string]string)
	for _, p := range parsed.Path {
		if p.Flag != nil {
			conf.origins[p.Flag.Name] = "--" + p.Flag.Name
		}
	}
	if conf.origins["config"] == "" && !exists(c.Config) && exists(systemConfig) {
		c.Config = systemConfig
	}
	if c.NoTransport && len(c.Directory) > 0 {
		conf.readForPrivacy(c)
		return
	}
	if conf.file, conf.err = config.Load(c.Config); conf.err != nil {
		return
	}
	conf.apply("directory", c.setRoots)
	conf.apply("instance", func(value string) (want string) { c.Instance = &value; return "" })
	conf.apply("sensor", func(value string) (want string) { c.Sensor = value; return "" })
	conf.apply("threshold", func(value string) (want string) {
		if c.Threshold.UnmarshalText([]byte(value)) != nil {
			return wantThreshold
		}
		return ""
	})
	conf.apply("transport", func(value string) (want string) {
		if !slices.Contains(transports, value) {
			return "one of " + strings.Join(transports, ", ")
		}
		c.Transport = value
		return ""
	})
}

// readForPrivacy reads the file for a run that needs only the section [privacy]. The file
// may be missing. If no flag names the file, it may be a systemConfig that this user cannot
// read.
func (conf *configuration) readForPrivacy(c *command) {
	if c.anonymize() == string(privacy.None) || !exists(c.Config) {
		return
	}
	conf.file, conf.privacyErr = config.Load(c.Config)
	if conf.origins["config"] == "" && c.Config == systemConfig && errors.Is(conf.privacyErr, fs.ErrPermission) {
		conf.privacyErr = nil
	}
}

// privacy returns the policy for replacing the addresses in flows. A nil policy replaces
// none.
func (c *command) privacy() (*privacy.Policy, error) {
	conf := &c.configuration
	switch {
	case conf.err != nil:
		return nil, conf.err
	case conf.privacyErr != nil:
		return nil, conf.privacyErr
	case conf.file != nil:
		return conf.file.Privacy(c.anonymize())
	case c.Anonymize != nil:
		return config.DefaultPrivacy(*c.Anonymize)
	}
	return nil, nil
}

// anonymize returns the value of --anonymize; empty if the flag is not given.
func (c *command) anonymize() string {
	if c.Anonymize == nil {
		return ""
	}
	return *c.Anonymize
}

// apply calls set with the value of an option in the file, unless a flag has set the
// option. If set does not accept the value, set returns a description of valid values.
func (conf *configuration) apply(name string, set func(value string) (want string)) {
	o, ok := conf.file.Option(name)
	if !ok || conf.origins[name] != "" {
		return
	}
	conf.origins[name] = o.Place
	if want := set(o.Value); want != "" {
		conf.err = errors.Join(conf.err, o.Wrong(want))
	}
}

// setRoots sets the roots to a list separated by commas. If a root is invalid, setRoots
// sets none.
func (c *command) setRoots(list string) (want string) {
	roots, want := cli.ParseRoots(list)
	if want == "" {
		c.Directory = roots
	}
	return want
}

// exists reports whether path exists, perhaps as a file that this user cannot read.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// origin returns the origin of an option: the flag, the file and line, or "default".
func (conf *configuration) origin(name string) string {
	if from, ok := conf.origins[name]; ok {
		return from
	}
	return "default"
}

// checkOptions prints the options that may be set in the configuration, each with its
// origin.
func (c *command) checkOptions(out *checkReport) {
	roots := make([]string, len(c.Directory))
	for i, r := range c.Directory {
		roots[i] = r.String()
	}
	sensor := c.configuration.origin("sensor")
	if sensor == "default" {
		sensor = "the host name"
	}
	transport := c.Transport
	if c.NoTransport {
		transport = "none"
	}
	if c.configuration.file != nil {
		out.ok("config = %s (%s)", c.Config, c.configuration.origin("config"))
	}
	for _, o := range [][3]string{
		{"directory", strings.Join(roots, ", "), c.configuration.origin("directory")},
		{"instance", c.instanceName(), c.configuration.origin("instance")},
		{"sensor", c.Sensor, sensor},
		{"threshold", c.Threshold.String() + " MB", c.configuration.origin("threshold")},
		{"transport", transport, c.configuration.origin("transport")},
	} {
		out.ok("%s = %s (%s)", o[0], o[1], o[2])
	}
	if policy, err := c.privacy(); err == nil && policy.On() {
		out.ok("addresses are replaced: %s", policy)
	} else if err != nil && c.configuration.err == nil {
		out.wrong(cli.Config, "%v", err)
	}
}
