// Package packaging tests the files that are installed beside the programs.
package packaging

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tstat-transport/internal/config"
)

var programs = []string{"tstat_send", "tstat_cull"}

// --help, the man page and the README list the same flags.
func TestFlagsAgree(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+"/", "../cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the programs: %v\n%s", err, out)
	}
	readme := read(t, "../README.md")
	for _, name := range programs {
		out, err := exec.Command(filepath.Join(bin, name), "--help").Output()
		if err != nil {
			t.Fatalf("%s --help: %v", name, err)
		}
		_, list, _ := strings.Cut(string(out), "\nFlags:\n")
		help := names(list, regexp.MustCompile(`(?m)^  (?:-., |    )--([a-z-]+)`))
		if len(help) < 5 {
			t.Fatalf("%s --help names only %q", name, help)
		}
		page := strings.ReplaceAll(read(t, "man/"+name+".1"), `\-`, "-")
		manual := names(page, regexp.MustCompile(`(?m)^\.TP\n(?:\\fB-.\\fR, )?\\fB--([a-z-]+)`))
		if diff := cmp.Diff(help, manual); diff != "" {
			t.Errorf("%s: --help and the man page differ (-help +man):\n%s", name, diff)
		}
		_, section, _ := strings.Cut(readme, "\n## "+name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var cells strings.Builder
		for line := range strings.Lines(section) {
			cell, _, _ := strings.Cut(line, " | ")
			cells.WriteString(cell + "\n")
		}
		documented := names(cells.String(), regexp.MustCompile("`--([a-z-]+)"))
		if diff := cmp.Diff(help, documented); diff != "" {
			t.Errorf("%s: --help and the README's table differ (-help +README):\n%s", name, diff)
		}
	}
}

// Every flag in a command line of the documentation exists.
func TestDocumentedFlagsExist(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no docs: %v", err)
	}
	more, err := filepath.Glob("../contrib/*/*")
	if err != nil {
		t.Fatal(err)
	}
	pages = slices.Concat(pages, more, []string{"../README.md", "environment", "man/tstat_send.1.end", "man/tstat_cull.1.end"})
	known := make(map[string][]string)
	for _, name := range programs {
		for w := range strings.FieldsSeq(read(t, "completions/"+name+".bash")) {
			if flag := strings.Trim(w, "')"); strings.HasPrefix(flag, "-") {
				known[name] = append(known[name], flag)
			}
		}
	}
	command := regexp.MustCompile("(?:^|[ `/])(tstat_send|tstat_cull)((?: +[^ `|>#]+)+)")
	seen := 0
	for _, page := range pages {
		if info, err := os.Stat(page); err != nil || info.IsDir() {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(read(t, page), `\-`, "-")) {
			for _, m := range command.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
				for word := range strings.FieldsSeq(m[2]) {
					flag, _, _ := strings.Cut(strings.TrimRight(word, ".,:;)\""), "=")
					if !regexp.MustCompile(`^--?[a-zA-Z][a-z-]*$`).MatchString(flag) {
						continue
					}
					seen++
					if !slices.Contains(known[m[1]], flag) {
						t.Errorf("%s: %s has no flag %s: %s", page, m[1], flag, strings.TrimSpace(line))
					}
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d flags found in %d pages", seen, len(pages))
	}
}

// The configuration file that is installed is valid, and gives no warnings.
func TestExampleConfiguration(t *testing.T) {
	f, err := config.Load("config.ini")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Rabbit(); err != nil {
		t.Fatal(err)
	}
	for _, w := range f.Warnings() {
		// In a git clone the file is readable by others.
		if !strings.Contains(w, "others can read it") {
			t.Error(w)
		}
	}
}

// TestInstalledLinks: the installed pages link only to files that are installed, too. All users
// can read them, whatever the umask.
func TestInstalledLinks(t *testing.T) {
	dest, binaries := t.TempDir(), t.TempDir()
	for _, name := range programs {
		if err := os.WriteFile(filepath.Join(binaries, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `umask 077; exec ../scripts/install install "$0"`, binaries)
	cmd.Env = append(os.Environ(), "DESTDIR="+dest, "PREFIX=/usr", "SYSCONFDIR=/etc")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("scripts/install: %v\n%s", err, out)
	}
	link := regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)
	seen := 0
	err := filepath.WalkDir(filepath.Join(dest, "usr/share/doc/tstat-transport"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&0o044 != 0o044 {
			t.Errorf("%s: not readable by all: %v", path, info.Mode())
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		for _, m := range link.FindAllStringSubmatch(read(t, path), -1) {
			seen++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: dead link: %v", path, err)
			}
		}
		return nil
	})
	if err != nil || seen < 50 {
		t.Errorf("%d links found: %v", seen, err)
	}
}

// In a git clone, untracked files are not installed with the pages.
func TestUntrackedFilesAreNotInstalled(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatalf("%v: install git", err)
	}
	clone, dest := t.TempDir(), t.TempDir()
	for _, dir := range []string{"docs", "contrib", "packaging", "scripts"} {
		if err := os.CopyFS(filepath.Join(clone, dir), os.DirFS(filepath.Join("..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "tstat_send", "tstat_cull"} {
		if err := os.WriteFile(filepath.Join(clone, file), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const script = `git init --quiet && git add . && touch docs/stray.md contrib/stray.ini && scripts/install install .`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = clone
	cmd.Env = append(os.Environ(), "DESTDIR="+dest, "PREFIX=/usr", "SYSCONFDIR=/etc")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	doc := filepath.Join(dest, "usr/share/doc/tstat-transport")
	if _, err := os.Stat(filepath.Join(doc, "docs/archive.md")); err != nil {
		t.Error(err)
	}
	for _, file := range []string{"docs/stray.md", "contrib/stray.ini"} {
		if _, err := os.Stat(filepath.Join(doc, file)); err == nil {
			t.Errorf("%s is installed", file)
		}
	}
}

func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze to read the units as systemd does")
	}
	units, err := filepath.Glob("../contrib/systemd/*.*")
	if err != nil || len(units) != 4 {
		t.Fatalf("units %q: %v", units, err)
	}
	// In copies of the units, since the programs are not installed here.
	dir := t.TempDir()
	var args []string
	for _, u := range units {
		text := regexp.MustCompile(`/usr/bin/tstat_[a-z]+`).ReplaceAllString(read(t, u), "/bin/true")
		text = regexp.MustCompile(`Documentation=.*`).ReplaceAllString(text, "")
		path := filepath.Join(dir, filepath.Base(u))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, args...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// The versions of packages sort like their tags.
func TestPackageVersion(t *testing.T) {
	inOrder := []struct{ tag, version string }{
		{"abc1234-dirty", "0~20260115.100000.abc1234.dirty"},
		{"v1.0.0", "1.0.0"},
		{"v1.0.0-3-gabc1234", "1.0.0+3.gabc1234"},
		{"v1.0.1-beta-2", "1.0.1~beta.2"},
		{"v1.0.1-rc1", "1.0.1~rc1"},
		{"v1.0.1-rc1-2-gabc1234", "1.0.1~rc1+2.gabc1234"},
		{"v1.0.1-rc2", "1.0.1~rc2"},
		{"v1.0.1", "1.0.1"},
		{"v1.0.1-dirty", "1.0.1+dirty"},
		{"v1.0.1-12-gabc1234-dirty", "1.0.1+12.gabc1234.dirty"},
	}
	for i, c := range inOrder {
		out, err := exec.Command("../scripts/package-version", c.tag, "1768471200").Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.version {
			t.Errorf("%s is %q, %v; want %s", c.tag, got, err, c.version)
		}
		if _, err := exec.LookPath("dpkg"); err != nil || i == 0 || strings.HasSuffix(c.tag, "dirty") {
			continue
		}
		before := inOrder[i-1].version
		if err := exec.Command("dpkg", "--compare-versions", before, "lt", c.version).Run(); err != nil {
			t.Errorf("%s does not sort before %s", before, c.version)
		}
	}
}

func names(text string, pattern *regexp.Regexp) []string {
	var all []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
