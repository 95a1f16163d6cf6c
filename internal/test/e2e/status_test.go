package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// TestExitStatus provokes every exit status except 0, and two causes at once.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "lossy_level31", s.root)
	with := func(key, value string) func(*site) {
		return func(s *site) { s.Rabbit[key] = value }
	}
	broken := func(s *site) { write(t, filepath.Join(s.root, "2000_01_01_00_00.out", tcpLog), "no header\n") }
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	closed := strconv.Itoa(port) // no listener
	for name, c := range map[string]struct {
		change func(*site)
		args   []string
		status int
		words  []string
	}{
		"flag":                {nil, []string{"--nosuch"}, wrongUsage, []string{"--nosuch", "--help"}},
		"no root":             {nil, []string{"-d", "/nosuch/root"}, noRoot, []string{"/nosuch/root", "-d"}},
		"no config":           {nil, []string{"-c", "/nosuch/config.ini"}, misconfigured, []string{"/nosuch/config.ini"}},
		"value":               {with("use_ssl", "perhaps"), nil, misconfigured, []string{"use_ssl"}},
		"log":                 {broken, nil, ioTrouble, []string{"2000_01_01_00_00.out/" + tcpLog, "no header"}},
		"broker away":         {with("port", closed), nil, tryAgain, []string{"127.0.0.1:" + closed, "refused"}},
		"password":            {with("password", secret+"x"), nil, refused, []string{"username and password"}},
		"log and unroutable":  {func(s *site) { broken(s); with("routing_key", "nowhere")(s) }, nil, misconfigured, []string{"unroutable", "no header"}},
		"log and broker away": {func(s *site) { broken(s); with("port", closed)(s) }, nil, tryAgain, []string{"refused"}}, // the logs are not read
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := s.clone(t)
			own.root = filepath.Join(t.TempDir(), "tstat")
			if err := os.CopyFS(own.root, os.DirFS(s.root)); err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(own)
			}
			r := own.send(c.args...).want(c.status, c.words...)
			if n := strings.Count(r.Log, "event=broker_unreachable"); n > 5 {
				t.Errorf("tried again %d times, though no host accepts connections:\n%s", n, r.log())
			}
			partial := c.status == ioTrouble || c.status == noRoot // the run sends and marks everything else
			if !partial {
				own.wantNoneMarked()
			}
		})
	}
}
