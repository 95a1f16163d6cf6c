// Command loggen writes a tree of synthetic Tstat logs and prints what stands in it
// as JSON.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"tstat-transport/internal/test/loggen"
)

const usage = `usage: loggen -out DIR [flags]

Writes synthetic Tstat logs, DIR/YYYY_MM_DD_HH_MM.out/log_tcp_complete and
log_udp_complete, and prints on standard output what they hold, as JSON.
The same flags give the same bytes.

Example: two hours of clean logs, 125 MB each, a row in a thousand large
  loggen -out /tmp/logs -bytes 250M -dirs 2 -large 0.001

`

func main() {
	err := run(os.Args[1:])
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(64)
	default:
		fmt.Fprintln(os.Stderr, "loggen:", strings.TrimPrefix(err.Error(), "loggen: "))
		os.Exit(1)
	}
}

// errUsage says that the flags were wrong and that this was told.
var errUsage = errors.New("usage")

func run(args []string) error {
	var o loggen.Options
	flags := flag.NewFlagSet("loggen", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	out := flags.String("out", "", "`directory` to write to; it is made where it is missing")
	total := bytesFlag(250e6)
	flags.Var(&total, "bytes", "`size` of all logs together before compression; k, M and G are powers of 1000")
	dirs := flags.Int("dirs", 1, "`number` of directories")
	flags.StringVar(&o.Version, "version", "3.2.1", "layout of Tstat `version` "+strings.Join(loggen.Versions(), ", "))
	flags.StringVar(&o.Level, "level", "", "`bitmask` of TCP column sets: 00, 11, 15 or 31 (default: what the version writes by itself)")
	flags.Float64Var(&o.Large, "large", 0, "`share` of rows that carry 1000 MB or more, 0 to 1")
	flags.Float64Var(&o.Dirt, "dirt", 0, "`share` of rows that are malformed or odd, 0 to 1")
	flags.BoolVar(&o.Cut, "cut", false, "cut the last line of each log")
	udp := flags.Float64("udp", 0.5, "`share` of rows that are UDP, 0 to 1")
	flags.BoolVar(&o.Gzip, "gzip", false, "compress the logs, as Tstat does with -Z")
	flags.Float64Var(&o.Threshold, "threshold", 1000, "`megabytes` from which flows are counted in the printed books")
	flags.Uint64Var(&o.Seed, "seed", 1, "`number` that other logs are drawn from")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	switch {
	case *out == "" || flags.NArg() > 0:
		flags.Usage()
		return errUsage
	case *dirs < 1:
		return fmt.Errorf("-dirs %d: use 1 or more", *dirs)
	}
	o.UDPShare = *udp
	if *udp == 0 {
		o.UDPShare = loggen.AllTCP
	}
	g, err := loggen.New(o)
	if err != nil {
		return err
	}
	books, err := g.Tree(*out, *dirs, int64(total)/int64(*dirs))
	if err != nil {
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(books)
}

// bytesFlag is a number of bytes.
type bytesFlag int64

func (b *bytesFlag) String() string { return strconv.FormatInt(int64(*b), 10) }

func (b *bytesFlag) Set(s string) error {
	unit := 1.0
	for suffix, u := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = n, u
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0 && n*unit < 1<<62) {
		return fmt.Errorf("use a number such as 250M or 10G")
	}
	*b = bytesFlag(n * unit)
	return nil
}
