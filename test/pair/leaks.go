// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-bind.io/kube-bind/test/leak"
)

// SessionKeysSecret is the Secret with the keys that a backend seals sessions with.
const SessionKeysSecret = "kube-bind-session-keys"

// readSecretsTimeout is how long an API server may take that a test may have stopped.
const readSecretsTimeout = 5 * time.Second

// secrets are those that the pair knows: what administrators and consumers have, and what is in its clusters. A server that a test
// has stopped is not asked.
func (p *Pair) secrets() (*leak.Known, error) {
	known := &leak.Known{}
	ctx, cancel := context.WithTimeout(context.Background(), readSecretsTimeout)
	defer cancel()
	for _, side := range []*Side{p.Provider, p.Consumer} {
		if side == nil {
			continue
		}
		if err := known.AddKubeconfig(side.Kubeconfig()); err != nil {
			return nil, err
		}
		list := &corev1.SecretList{}
		if err := side.Client.List(ctx, list); err != nil {
			continue
		}
		for i := range list.Items {
			known.AddSecret(&list.Items[i], SessionKeysSecret)
		}
	}
	return known, nil
}

// leaks says whether any process of the pair has logged a secret.
func (p *Pair) leaks(known *leak.Known) error {
	if err := known.Scan(p.options.LogDir); err != nil {
		return fmt.Errorf("looking for secrets in logs: %w", err)
	}
	return nil
}
