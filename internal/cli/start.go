package cli

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// CheckArguments returns an error if an argument is not UTF-8. Kong would replace bytes of
// that argument, and a path would name another file.
func CheckArguments(args []string) error {
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("argument %q is not UTF-8: if it is a path, give a symbolic link with a name in UTF-8", arg)
		}
	}
	return nil
}

// ConfigError is an error in the configuration file, not on the command line.
type ConfigError struct{ Err error }

func (e ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns e.Err.
func (e ConfigError) Unwrap() error { return e.Err }

// NotStarted writes why a program did nothing, and returns the exit status: Config for a
// ConfigError, and Usage for any other error, with a reference to the program's --help.
func NotStarted(stderr io.Writer, program string, err error) int {
	fmt.Fprintf(stderr, "%s: %v\n", program, err)
	if _, ok := errors.AsType[ConfigError](err); ok {
		return Config
	}
	fmt.Fprintf(stderr, "%s: run %s --help for a list of flags\n", program, program)
	return Usage
}
