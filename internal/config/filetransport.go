package config

// FileTransport holds the section [file].
type FileTransport struct {
	Path        string // the folder in which files are written
	Format      string // messages or flows: what a line holds
	Compression string // empty for none, gzip or zstd
}

// FileTransport returns the settings of the file transport.
func (f *File) FileTransport() (FileTransport, error) {
	s, err := f.required("file", "at least path")
	if err != nil {
		return FileTransport{}, err
	}
	t := FileTransport{
		Path:        s.text("path", ""),
		Format:      s.choice("format", fileFormats...),
		Compression: s.compression(compressions...),
	}
	if t.Path == "" {
		s.missing("path", "the folder to write files in")
	}
	return t, s.err()
}
