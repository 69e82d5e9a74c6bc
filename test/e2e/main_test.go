// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kube-bind.io/kube-bind/test/pair"
)

// startTimeout is how long two control planes, backend, konnector and the first binding may take.
const startTimeout = 3 * time.Minute

// world is the pair that most tests share: informer scope Namespaced, isolation Prefixed, cowboys bound.
var world *shared

type shared struct {
	*pair.Pair
	place *pair.Place
	root  string
}

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	p, err := pair.Start(ctx, pair.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the pair:", err)
		return 1
	}
	defer func() {
		if err := p.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the pair:", err)
			code = 1
		}
		if code != 0 {
			fmt.Fprintln(os.Stderr, "logs are in", p.LogDir())
		} else if err := p.RemoveLogs(); err != nil {
			fmt.Fprintln(os.Stderr, "removing the logs:", err)
		}
	}()
	root, err := pair.Root(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	world = &shared{Pair: p, root: root}
	if err := p.ApplyTemplate(ctx, world.example("crd-cowboys.yaml"), world.example("template-cowboys.yaml")); err != nil {
		fmt.Fprintln(os.Stderr, "exporting cowboys:", err)
		return 1
	}
	if world.place, err = p.Bind(ctx, "cowboys", "cowboys"); err != nil {
		fmt.Fprintln(os.Stderr, "binding cowboys:", err)
		return 1
	}
	return m.Run()
}

func (s *shared) example(name string) string {
	return filepath.Join(s.root, "deploy", "examples", name)
}
