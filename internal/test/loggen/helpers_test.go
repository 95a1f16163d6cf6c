package loggen_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

func corpusLog(t *testing.T, dir string, p loggen.Proto) []byte {
	t.Helper()
	paths, err := filepath.Glob("../../../testdata/corpus/" + dir + "/*.out/log_" + p.String() + "_complete")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no logs in testdata/corpus/%s: %v", dir, err)
	}
	return testkit.ReadLog(t, paths[0])
}

func num(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
