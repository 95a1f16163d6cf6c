// Package config reads the ini file of tstat_send. [Load] checks the syntax and the
// names; the methods of [File] return each section as typed values. The package
// logs nothing. An error names the file, the line or the section and key, and what
// is accepted. What can be read but is probably a mistake becomes a warning, see
// [File.Warnings].
//
// # Syntax
//
// The syntax is that of Python's configparser, with the environment interpolation
// of the Python tool. A file is either read exactly as Python reads it, or refused
// with an error that says what to change. Python accepts, and this package
// refuses: a value of more than one line, a carriage return alone between two lines,
// a key that starts with [, and a value of more than three characters that starts
// with ${ but is not ${NAME} or ${NAME:default}. A file has at most 1 MiB, 1000 keys
// and 1000 sections, and a name at most 255 bytes.
//
// The parser is our own because gopkg.in/ini.v1 reads files differently from
// Python, whatever its options: it accepts a byte-order mark, removes backticks and
// triple quotes from values and quotes from keys, numbers keys named "-", merges
// duplicates, and reads an indented line as a key where Python continues the value
// above. Checks for all that would be longer than the parser.
//
// # Secrets
//
// A password or token comes from the environment, else from the file named by
// password_file or token_file, else from the ini file. All values of a [File] are
// held as [Secret], so printing a File shows no value. Errors and warnings show no
// password, token or URL, and no key that may be a part of a value.
//
// File names in values are relative to the working directory.
package config
