package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"tenantry/internal/postgres"
	"tenantry/state"
)

// verifier reads the password of a tenant's role, from its file or its command,
// and returns what PostgreSQL is to keep of it. No error has any of it in it,
// nor what a command said.
func verifier(ctx context.Context, role *state.Role) (string, error) {
	password, err := rolePassword(ctx, role)
	switch {
	case err != nil:
		return "", fmt.Errorf("the password of the role %s: %w", role.Name, err)
	case password == "":
		return "", fmt.Errorf("the password of the role %s is empty", role.Name)
	}
	return postgres.Verifier(password)
}

func rolePassword(ctx context.Context, role *state.Role) (string, error) {
	if role.PasswordFile != "" {
		content, err := os.ReadFile(role.PasswordFile)
		return firstLine(content), err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, role.PasswordCommand[0], role.PasswordCommand[1:]...)
	cmd.Stdout = &out
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = fmt.Errorf("%s failed: %s", role.PasswordCommand[0], ended.ProcessState)
	}
	return firstLine(out.Bytes()), err
}

// firstLine returns what is before the first line break.
func firstLine(content []byte) string {
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSuffix(line, "\r")
}
