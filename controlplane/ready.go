// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// pollInterval is how often an API server that starts is asked.
	pollInterval = 50 * time.Millisecond
	// probeTimeout bounds one question, as an API server that starts may leave it open.
	probeTimeout = 5 * time.Second
)

// waitFor waits until the API server answers each of the paths with 200. It fails early if a process of the control
// plane ends, and with the last answer if ctx does.
func (c *ControlPlane) waitFor(ctx context.Context, paths ...string) error {
	client, err := c.httpClient()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for _, path := range paths {
		for {
			answer := probe(ctx, client, c.server()+path)
			if answer == nil {
				break
			}
			if err := c.fleet.casualty(); err != nil {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%w; last answer: %w", context.Cause(ctx), answer)
			}
		}
	}
	return nil
}

// httpClient is the administrator's, with connections of its own that can be closed again.
func (c *ControlPlane) httpClient() (*http.Client, error) {
	config, err := rest.TLSConfigFor(c.Config())
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: probeTimeout}, nil
}

// probe asks once.
func probe(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 2048))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return nil
}
