package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"tenantry/internal/embedded"
	"tenantry/internal/postgres"
	"tenantry/schema"
	"tenantry/schema/atlascli"
)

// The engines, as --engine has them.
const (
	engineNative = "native"
	engineCLI    = "cli"
)

// tools are what a run needs once, however often it reads its files: the planning
// engine, and the dev servers that it works on.
type tools struct {
	engine schema.Engine
	binary *atlascli.Engine // the engine, where it is that

	mu       sync.Mutex // for what follows
	servers  map[string]*postgres.Dev
	embedded []*embedded.Server
}

// openEngine makes sure of the engine that the flags name.
func (a *app) openEngine(ctx context.Context) error {
	if a.tools.engine != nil {
		return nil
	}
	if a.options.engine == engineNative {
		a.tools.engine = schema.Native{}
		return nil
	}
	binary, err := atlascli.Open(ctx, atlascli.Options{Path: a.options.atlas, Dev: a.devServer})
	if err != nil {
		return hinted{err, "--engine cli needs the Atlas binary: --atlas names it, else it is looked for in $PATH; https://atlasgo.io/getting-started says how to get it"}
	}
	a.tools.engine, a.tools.binary = binary, binary
	return nil
}

// devServer is where the Atlas binary plans: the server that dev in atlas.hcl
// names, else one of our own of that major version.
func (a *app) devServer(ctx context.Context, url string, major int) (schema.DevServer, error) {
	a.tools.mu.Lock()
	defer a.tools.mu.Unlock()
	key := url
	if key == "" {
		key = fmt.Sprint(major)
	}
	if server, ok := a.tools.servers[key]; ok {
		return server, nil
	}
	if url == "" {
		started, err := embedded.Start(ctx, embedded.Options{
			Dir:   filepath.Join(filepath.Dir(a.options.file), ".tenantry", fmt.Sprintf("dev-%d", major)),
			Major: major, Log: a.say, Settings: map[string]string{"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"},
		})
		if err != nil {
			return nil, hinted{fmt.Errorf("a dev database for the Atlas binary: %w", err), "dev in atlas.hcl can name one: dev = getenv(\"ATLAS_DEV_URL\")"}
		}
		a.tools.embedded = append(a.tools.embedded, started)
		url = started.URL()
	}
	server, err := postgres.OpenDev(ctx, url)
	if err != nil {
		return nil, err
	}
	if a.tools.servers == nil {
		a.tools.servers = make(map[string]*postgres.Dev)
	}
	a.tools.servers[key] = server
	return server, nil
}

// close lets go of what the run needed.
func (t *tools) close() error {
	var errs []error
	if t.binary != nil {
		errs = append(errs, t.binary.Close())
	}
	for _, s := range t.servers {
		errs = append(errs, s.Close())
	}
	for _, s := range t.embedded {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
