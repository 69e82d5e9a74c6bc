// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Programs of a control plane.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
)

// probeTimeout bounds one question, as a server that starts may leave it open.
const probeTimeout = 5 * time.Second

const apiPath = "/apis/kube-bind.io/v1alpha2/"

// run is an environment that is being started.
type run struct {
	*Environment
	paths map[string]string
	say   func(string)
	// needed is what must run by now, and launched what this program has started of it.
	needed   []spec
	launched map[string]bool
}

// all starts what does not run, each once that is ready which it needs.
func (r *run) all(ctx context.Context) error {
	if err := r.start(ctx, providerName+"-"+etcd, providerName+"-"+apiServer, consumerName+"-"+etcd, consumerName+"-"+apiServer); err != nil {
		return err
	}
	for _, side := range []string{providerName, consumerName} {
		if err := r.await(ctx, "the "+side+"'s API server", side, "/readyz"); err != nil {
			return err
		}
	}
	if err := r.start(ctx, providerName+"-"+controllerManager, consumerName+"-"+controllerManager); err != nil {
		return err
	}
	for _, side := range []string{providerName, consumerName} {
		// A controller makes it.
		if err := r.await(ctx, "the "+side+"'s controllers", side, "/api/v1/namespaces/default/serviceaccounts/default"); err != nil {
			return err
		}
	}
	if err := r.start(ctx, backendName, konnectorBin); err != nil {
		return err
	}
	if err := r.await(ctx, "the backend's API", providerName, apiPath+"apiserviceexporttemplates"); err != nil {
		return err
	}
	if err := r.await(ctx, "the front door", "", "/healthz"); err != nil {
		return err
	}
	return r.await(ctx, "the konnector's API", consumerName, apiPath+"apiservicebindings")
}

// start starts those of the named processes that do not run, and sees to it from then on that they do.
func (r *run) start(ctx context.Context, names ...string) error {
	for _, s := range r.specs() {
		if slices.Contains(names, s.name) {
			r.needed = append(r.needed, s)
		}
	}
	return r.mend(ctx)
}

// mend starts what is needed and does not run. One that was running may still end because of another that was not: it is started
// then. What ends that this program has started is an error, with the end of its log.
func (r *run) mend(ctx context.Context) error {
	for i := range r.needed {
		s := &r.needed[i]
		have, running, err := r.record(ctx, s.name)
		if err != nil {
			return err
		}
		if running {
			continue
		}
		if r.launched[s.name] {
			return problem("Its log is "+r.logFile(s.name)+". Run the command again, which starts it again.", "%s (process %d) has ended. It said:\n%s", s.name, have.PID, r.tail(s.name))
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("starting %s: %w", s.name, err)
		}
		r.say("starting " + s.name)
		if err := r.launch(ctx, s, r.paths[s.program]); err != nil {
			return err
		}
		r.launched[s.name] = true
	}
	return nil
}

// await waits until the API server of a side, or the front door, answers a path with 200. It fails if a process has ended.
func (r *run) await(ctx context.Context, what, side, path string) error {
	r.say("waiting for " + what)
	client, server, err := r.client(side)
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return await(ctx, what, client, server+path, r.mend)
}

// await waits until an URL is answered with 200, and looks each time whether that may still be.
func await(ctx context.Context, what string, client *http.Client, url string, mend func(context.Context) error) error {
	defer client.CloseIdleConnections()
	tick := time.NewTicker(2 * look)
	defer tick.Stop()
	for {
		answer := probe(ctx, client, url)
		if err := mend(ctx); err != nil {
			return err
		}
		if answer == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("waiting for %s: %w", what, answer)
		}
	}
}

// client is one of a side, with its administrator's access, or of the front door.
func (e *Environment) client(side string) (*http.Client, string, error) {
	if side == "" {
		return &http.Client{Transport: &http.Transport{}, Timeout: probeTimeout}, e.Door(), nil
	}
	file := e.ProviderKubeconfig()
	if side == consumerName {
		file = e.ConsumerKubeconfig()
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, "", err
	}
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, "", err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: tls}, Timeout: probeTimeout}, config.Host, nil
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
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
