//go:build !linux && !darwin

package atlascli

import "os/exec"

// Become does nothing here.
func Become() {}

type starter struct {
	path string
	env  map[string]string
}

// starterOf leaves it to the SDK to end the binary, and not what it has started.
func starterOf(binary, _ string) (*starter, error) {
	path, err := exec.LookPath(binary)
	if err != nil {
		return nil, notFound(binary)
	}
	return &starter{path: path}, nil
}

func (*starter) kill() {}
