package docgen

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// program is the data of the templates.
type program struct {
	Name       string
	Purpose    string   // one line for the section NAME, with a lower-case first letter
	Paragraphs []string // of the description
	Statuses   []status
	Flags      []option
	Rest       []byte // the handwritten end of the man page
}

type status struct{ Code, Meaning string }

type option struct {
	Name, Short string
	Value       string // placeholder of the value; empty for a switch
	Help        string
	Summary     string // first sentence of Help
	Required    bool
	Repeatable  bool
	Words       []string // the possible values, if the flag has a fixed list
	File, Dir   bool     // whether the value is a file or a directory
	Instance    bool     // whether INSTANCE= may stand before the directory
}

var statusPattern = regexp.MustCompile(`^([0-9]+) (.+)$`)

// describe reads the definition of a command line. The first sentence of the description is
// the purpose, and the last paragraph lists the exit statuses.
func describe(app *kong.Application) (*program, error) {
	p := &program{Name: app.Name}
	paragraphs := strings.Split(app.Help, "\n\n")
	last := len(paragraphs) - 1
	list, ok := strings.CutPrefix(paragraphs[last], "Exit status: ")
	if !ok || last == 0 {
		return nil, fmt.Errorf("docgen: the description of %s does not end with a paragraph of exit statuses", app.Name)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(list, "."), "; ") {
		m := statusPattern.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("docgen: exit status %q of %s: want a number and its meaning", part, app.Name)
		}
		p.Statuses = append(p.Statuses, status{m[1], m[2]})
	}
	p.Paragraphs = paragraphs[:last]
	purpose := strings.TrimSuffix(firstSentence(paragraphs[0]), ".")
	p.Purpose = strings.ToLower(purpose[:1]) + purpose[1:]

	for _, f := range app.Flags {
		if f.Hidden {
			continue
		}
		if f.Help == "" {
			return nil, errors.New("docgen: --" + f.Name + " has no help")
		}
		p.Flags = append(p.Flags, describeFlag(f))
	}
	return p, nil
}

func describeFlag(f *kong.Flag) option {
	d := option{
		Name: f.Name, Help: f.Help, Summary: strings.TrimSuffix(firstSentence(f.Help), "."),
		Required: f.Required, Repeatable: f.IsCumulative(),
	}
	if f.Short != 0 {
		d.Short = string(f.Short)
	}
	if f.IsBool() {
		return d
	}
	d.Value = f.FormatPlaceHolder()
	d.File = d.Value == "FILE"
	d.Dir = strings.HasSuffix(d.Value, "DIR")
	d.Instance = strings.HasPrefix(d.Value, "[INSTANCE=]")
	if f.Enum != "" {
		d.Words = f.EnumSlice()
	}
	return d
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}
