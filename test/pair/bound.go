// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Example is the file of an example manifest.
func Example(ctx context.Context, name string) (string, error) {
	root, err := Root(ctx)
	return filepath.Join(root, "deploy", "examples", name), err
}

// StartBound is Start, and a binding "cowboys" of the example API.
func StartBound(ctx context.Context, o Options) (_ *Pair, _ *Place, err error) {
	p, err := Start(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()
	place, err := p.BindExample(ctx)
	return p, place, err
}

// BindExample offers the example API and makes the binding "cowboys" of it.
func (p *Pair) BindExample(ctx context.Context) (*Place, error) {
	for _, name := range []string{"crd-cowboys.yaml", "template-cowboys.yaml"} {
		file, err := Example(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := p.ApplyTemplate(ctx, file); err != nil {
			return nil, err
		}
	}
	return p.Bind(ctx, "cowboys", "cowboys")
}

// startTimeout is how long two control planes, backend, konnector and the first binding may take.
const startTimeout = 5 * time.Minute

// Main is for TestMain: it starts a bound pair, hands it over, runs the tests, stops everything, and returns the exit
// code. Logs are kept if something failed.
func Main(m *testing.M, o Options, use func(*Pair, *Place)) (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	p, place, err := StartBound(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the pair:", err)
		return 1
	}
	use(p, place)
	code = m.Run()
	if err := p.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the pair:", err)
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "logs are in", p.LogDir())
	} else if err := p.RemoveLogs(); err != nil {
		fmt.Fprintln(os.Stderr, "removing the logs:", err)
	}
	return code
}
