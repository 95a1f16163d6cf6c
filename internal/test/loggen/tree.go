package loggen

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

// Tree writes directories of logs below root, and makes root if it is missing:
// root/2026_01_15_00_00.out/log_tcp_complete and log_udp_complete, and a directory for each
// hour after that. Each directory gets at least bytesPerDir before compression, split so
// that Options.UDPShare of the rows are UDP. A protocol without rows gets no log. A directory
// that exists already is an error.
func (g *Generator) Tree(root string, dirs int, bytesPerDir int64) (Books, error) {
	var todo errgroup.Group
	todo.SetLimit(runtime.GOMAXPROCS(0))
	books := make([]Books, dirs)
	for i := range dirs {
		todo.Go(func() (err error) {
			books[i], err = g.dir(root, i, bytesPerDir)
			return err
		})
	}
	err := todo.Wait()
	var sum Books
	for _, b := range books {
		sum.add(b)
	}
	return sum, err
}

func (g *Generator) dir(root string, i int, bytes int64) (Books, error) {
	start := g.opts.Start.Add(time.Duration(i) * interval)
	dir := filepath.Join(root, DirName(start))
	if err := os.MkdirAll(root, 0o755); err != nil {
		return Books{}, fmt.Errorf("loggen: %w", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return Books{}, fmt.Errorf("loggen: %w", err)
	}
	tcpBytes, udpBytes := (1-g.opts.UDPShare)*g.rowBytes[TCP], g.opts.UDPShare*g.rowBytes[UDP]
	udp := udpBytes / (tcpBytes + udpBytes) // share of the bytes
	var sum Books
	for _, l := range []struct {
		p     Proto
		share float64
	}{{TCP, 1 - udp}, {UDP, udp}} {
		if l.share == 0 {
			continue
		}
		b, err := g.file(dir, l.p, Bytes(int64(float64(bytes)*l.share)), 1<<32|uint64(i), start)
		if err != nil {
			return Books{}, fmt.Errorf("loggen: %w", err)
		}
		sum.add(b)
	}
	return sum, nil
}

func (g *Generator) file(dir string, p Proto, size Size, stream uint64, start time.Time) (b Books, err error) {
	name := "log_" + p.String() + "_complete"
	if g.opts.Gzip {
		name += ".gz"
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return g.log(f, p, size, stream, start)
}

// DirName returns the name of the directory that Tstat makes at this time.
func DirName(t time.Time) string { return t.Format("2006_01_02_15_04.out") }
