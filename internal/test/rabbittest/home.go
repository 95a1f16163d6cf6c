package rabbittest

import (
	"os"
	"path/filepath"
	"strings"
)

// makeHome makes a RabbitMQ home in dir and returns the path of its server script. The home
// links to the installed one, except for the optional plugins. Erlang looks for each module
// in every plugin's directory, so without them a node starts in two thirds of the time.
func makeHome(dir string) (string, error) {
	script, err := filepath.EvalSymlinks(serverScript)
	if err != nil {
		return "", err
	}
	installed := filepath.Dir(filepath.Dir(script))
	libraries, err := os.ReadDir(filepath.Join(installed, "plugins"))
	if err != nil {
		return "", err
	}
	links := []string{"sbin", "escript"}
	for _, l := range libraries {
		optional := strings.HasPrefix(l.Name(), "rabbitmq_") && !strings.HasPrefix(l.Name(), "rabbitmq_prelaunch-")
		if !optional {
			links = append(links, filepath.Join("plugins", l.Name()))
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "plugins"), 0o700); err != nil {
		return "", err
	}
	for _, l := range links {
		if err := os.Symlink(filepath.Join(installed, l), filepath.Join(dir, l)); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "sbin", "rabbitmq-server"), nil
}
