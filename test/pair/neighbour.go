// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"errors"
	"path/filepath"

	"kube-bind.io/kube-bind/controlplane"
)

// Neighbour starts another consumer of the same provider, with a konnector of its own. Its Stop leaves the provider
// running.
func (p *Pair) Neighbour(ctx context.Context, name string) (*Pair, error) {
	n := &Pair{options: p.options, kind: p.kind, workspace: p.workspace, bin: p.bin, neighbour: true}
	n.options.LogDir, n.options.Bin = filepath.Join(p.options.LogDir, name), p.bin
	var err error
	if n.Consumer, err = startSide(ctx, controlplane.Options{Name: name, LogDir: n.options.LogDir}, false); err != nil {
		return nil, err
	}
	if n.Provider, err = p.providerFor(ctx, n.Consumer); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	if err := n.install(ctx, konnectorProgram); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	if err := n.StartKonnector(); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}
