package config

// Output holds the section [file].
type Output struct {
	Path        string // the folder in which files are written
	Format      string // messages or flows: what a line holds
	Compression string // empty for none, gzip or zstd
}

// Output returns the settings of the file transport.
func (f *File) Output() (Output, error) {
	s, err := f.required("file", "at least path")
	if err != nil {
		return Output{}, err
	}
	o := Output{
		Path:        s.text("path", ""),
		Format:      s.choice("format", fileFormats...),
		Compression: s.compression(compressions...),
	}
	if o.Path == "" {
		s.missing("path", "the folder to write files in")
	}
	return o, s.err()
}
