package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestManyDirectories: the memory of the program stays below the limit with 100,000 unsent
// directories.
func TestManyDirectories(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 directories")
	}
	const directories = 100_000
	root := t.TempDir()
	header := "#c_ip:1 c_port:2 c_first_abs:3 c_durat:4 c_bytes_all:5 c_pkts_all:6 " +
		"s_ip:10 s_port:11 s_first_abs:12 s_durat:13 s_bytes_all:14 s_pkts_all:15\n"
	for i := range directories {
		name := fmt.Sprintf("%04d_%02d_%02d_%02d_%02d.out", 2010+i/(12*28*24*60), i/(28*24*60)%12+1, i/(24*60)%28+1, i/60%24, i%60)
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, "log_udp_complete"), []byte(header), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, build(t), "-N", "-d", root)
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	p.checkResident(t)
}
