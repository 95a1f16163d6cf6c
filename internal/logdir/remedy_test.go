package logdir

import (
	"os"
	"strings"
	"testing"
)

// TestReadRemedyOfGzip: the remedy for a .gz that cannot be read to its end depends on
// whether more data may still arrive.
func TestReadRemedyOfGzip(t *testing.T) {
	text := rows("a", 20000)
	whole := packed(text)
	half := len(whole) / 2
	for name, c := range map[string]struct{ file, want string }{
		"zero bytes, then more": {whole[:half] + strings.Repeat("\x00", 2*zeroRunGzip) + whole[half+2*zeroRunGzip:], "data may still arrive"},
		"wrong checksum":        {whole[:len(whole)-8] + "checksum", "the .gz is damaged"},
		"garbage":               {whole + "garbage, which is not the header of a member", "the .gz is damaged"},
	} {
		d, s := markedDir(t, map[string]string{tcp: text})
		must(t, os.Remove(d.Path()+"/"+tcp))
		put(t, d, tcp+".gz", c.file)
		_, err := d.Unsent(t.Context(), s)
		if got := ReadRemedy(err); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: error %v has the remedy %q, want %q", name, err, got, c.want)
		}
	}
}
