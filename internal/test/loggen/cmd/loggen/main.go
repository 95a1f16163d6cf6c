// Command loggen writes a tree of synthetic Tstat logs and prints their books as JSON.
//
// Two hours of clean logs, 125 MB each, a row in a thousand large:
//
//	loggen --bytes 250M --dirs 2 --large 0.001 /tmp/logs
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/test/loggen"
)

const description = `Write synthetic Tstat logs, OUT/YYYY_MM_DD_HH_MM.out/log_tcp_complete and log_udp_complete, and print on standard output what they hold, as JSON.

The same flags give the same bytes.`

type command struct {
	Out       string  `arg:"" help:"Directory to write to; created if missing."`
	Bytes     size    `default:"250M" placeholder:"SIZE" help:"Size of all logs together before compression; k, M and G are powers of 1000. Default: ${default}."`
	Dirs      int     `default:"1" placeholder:"N" help:"Number of directories. Default: ${default}."`
	Version   string  `default:"3.2.1" enum:"${versions}" placeholder:"VERSION" help:"Layout of this Tstat: ${versions}. Default: ${default}."`
	Level     string  `placeholder:"MASK" help:"Bitmask of TCP column sets: 00, 11, 15 or 31. Default: what the version writes by itself."`
	Large     float64 `placeholder:"SHARE" help:"Share of rows that carry 1000 MB or more, 0 to 1."`
	Dirt      float64 `placeholder:"SHARE" help:"Share of rows that are malformed or odd, 0 to 1."`
	Cut       bool    `help:"Cut the last line of each log."`
	UDP       float64 `name:"udp" default:"0.5" placeholder:"SHARE" help:"Share of rows that are UDP, 0 to 1. Default: ${default}."`
	Gzip      bool    `help:"Compress the logs, as Tstat does with -Z."`
	Threshold float64 `default:"1000" placeholder:"MB" help:"Megabytes from which flows are counted in the printed books. Default: ${default}."`
	Seed      uint64  `default:"1" placeholder:"N" help:"Seed of the random values. Default: ${default}."`
}

func main() {
	var c command
	kong.Parse(&c, kong.Name("loggen"), kong.Description(description), kong.Vars{"versions": strings.Join(loggen.Versions(), ",")}).
		FatalIfErrorf(c.run())
}

// Validate reports an error if there is no directory to write.
func (c *command) Validate() error {
	if c.Dirs < 1 {
		return errors.New("--dirs must be at least 1")
	}
	return nil
}

func (c *command) run() error {
	o := loggen.Options{
		Version: c.Version, Level: c.Level, Large: c.Large, Dirt: c.Dirt, Cut: c.Cut,
		UDPShare: c.UDP, Gzip: c.Gzip, Threshold: c.Threshold, Seed: c.Seed,
	}
	if c.UDP == 0 {
		o.UDPShare = loggen.AllTCP
	}
	g, err := loggen.New(o)
	if err != nil {
		return err
	}
	books, err := g.Tree(c.Out, c.Dirs, int64(c.Bytes)/int64(c.Dirs))
	if err != nil {
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(books)
}

// size is a number of bytes.
type size int64

// UnmarshalText parses a number with an optional k, M or G.
func (b *size) UnmarshalText(text []byte) error {
	number, unit := string(text), 1.0
	for suffix, u := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = n, u
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n > 0 && n*unit < 1<<62) {
		return fmt.Errorf("%q is no size: write a number such as 250M or 10G", text)
	}
	*b = size(n * unit)
	return nil
}
