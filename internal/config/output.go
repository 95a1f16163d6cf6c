package config

// Output is what the section [file] says.
type Output struct {
	// Path is where to write.
	Path string
	// Format is messages (one a line, the default) or flows (one a line).
	Format string
	// Compression: empty for none, gzip or zstd.
	Compression string
}

// Output returns the settings of the file transport.
func (f *File) Output() (Output, error) {
	s, err := f.required("file", "at least path")
	if err != nil {
		return Output{}, err
	}
	o := Output{
		Path:        s.text("path", ""),
		Format:      s.choice("format", "messages", "flows"),
		Compression: s.compression("none", "gzip", "zstd"),
	}
	if o.Path == "" {
		s.missing("path", "where to write")
	}
	return o, s.err()
}
