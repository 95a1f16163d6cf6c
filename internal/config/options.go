package config

import "fmt"

const optionsSection = "tstat_send"

// Option is a key of the section [tstat_send], which holds options that may also
// be given as flags of the same names.
type Option struct {
	Value string
	Place string // the file and line of the key

	key string
}

// Option returns a key of the section [tstat_send]. ok is false if the section or the key
// is missing, or the value is empty.
func (f *File) Option(key string) (o Option, ok bool) {
	if _, ok := f.headers[optionsSection]; !ok {
		return Option{}, false
	}
	e, ok := f.section(optionsSection).get(key)
	if !ok || e.text.Reveal() == "" {
		return Option{}, false
	}
	return Option{Value: e.text.Reveal(), Place: fmt.Sprintf("%s:%d", f.path, e.line), key: key}, true
}

// Wrong returns the error of a wrong value: want says what is accepted. The error does not
// show the value.
func (o Option) Wrong(want string) error {
	return fmt.Errorf("%s: [%s] %s: want %s", o.Place, optionsSection, o.key, want)
}
