// Package config reads the ini file of tstat_send: its syntax, then the
// sections as typed values. It logs nothing; it returns errors, each of which
// names the file, the line or the section and key, and what is accepted, and
// collects warnings for what can be read but is probably a mistake.
//
// # Syntax
//
// Files are those of Python's configparser with the environment interpolation
// of the Python tool. A file is read exactly as Python reads it, or refused
// with the change that it needs; no file is read as something else. Refused
// although Python takes them: values of more than one line, a lone carriage
// return, a section header without its bracket, and a value that starts with
// ${ but is not ${NAME} or ${NAME:default}. A file has at most 1 MiB, 1000 keys
// and 1000 sections, a name at most 255 bytes.
//
// The parser is our own because gopkg.in/ini.v1, with every option set, still
// takes a byte order mark, strips backticks and triple quotes from values and
// quotes from keys, numbers keys named "-", merges duplicates and takes an
// indented line for a key where Python continues the value above; checking
// for these before and after it takes more lines than parsing.
//
// # Secrets
//
// A password or token comes from the environment, else from the file named by
// password_file or token_file, else from the ini file. Values are held as
// [Secret] throughout, so that no way of printing a [File] or a section shows
// one, and errors show no value of a secret key, nor any value with an @ in
// it, which may be a URL with a password.
//
// File names in values are relative to the working directory.
package config
