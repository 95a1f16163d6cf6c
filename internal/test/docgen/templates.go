package docgen

import (
	"embed"
	"strings"
	"text/template"
)

//go:embed *.tmpl
var sources embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"roff":  roff,
	"join":  strings.Join,
	"upper": strings.ToUpper,
	"quote": quote,
	"zsh":   zshSpecial.Replace,
}).ParseFS(sources, "*.tmpl"))

var (
	// See groff_man_style(7).
	roffSpecial = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`)
	// For the message of an option of _arguments in single quotes; see zshcompsys(1).
	zshSpecial = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `:`, `\:`, `'`, `'\''`)
	// For a word in single quotes; see fish-language(1).
	fishSpecial = strings.NewReplacer(`\`, `\\`, `'`, `'\''`)
)

// roff escapes text for roff, where a dot at the start of a line begins a request.
func roff(s string) string {
	s = roffSpecial.Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// quote quotes s as one word for fish. There a backslash escapes between single quotes too.
func quote(s string) string { return `'` + fishSpecial.Replace(s) + `'` }
