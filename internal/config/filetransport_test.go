package config

import "testing"

func TestFileTransport(t *testing.T) {
	for _, test := range []struct {
		text string
		want FileTransport
		err  string
	}{
		{"[file]\npath = /x y", FileTransport{Path: "/x y", Format: "messages"}, ""},
		{"[file]\npath = x\nformat = Flows\ncompression = zstd", FileTransport{Path: "x", Format: "flows", Compression: "zstd"}, ""},
		{"", FileTransport{}, "config.ini: there is no section [file]; add it with at least path"},
		{"[file]\npath =", FileTransport{}, "config.ini: [file] has no path; set it to the folder to write files in"},
		{"[file]\npath = x\nformat = csv", FileTransport{}, `config.ini:3: [file] format: want messages or flows`},
	} {
		f := mustLoad(t, test.text)
		got, err := f.FileTransport()
		switch {
		case test.err != "":
			if err == nil || shorten(err.Error(), f.path) != test.err {
				t.Errorf("%q: got error %v, want %s", test.text, err, test.err)
			}
		case err != nil || got != test.want:
			t.Errorf("%q: got %+v, %v", test.text, got, err)
		}
	}
}
