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
	// For an explanation to _arguments, within single quotes.
	zshSpecial = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `:`, `\:`, `'`, `'\''`)
)

// roff escapes text; a dot at the start of a line would be a command.
func roff(s string) string {
	s = roffSpecial.Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// quote makes s one word of sh; fish takes it so, too.
func quote(s string) string { return `'` + strings.ReplaceAll(s, `'`, `'\''`) + `'` }
