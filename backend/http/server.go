// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/backend/web"
)

// How long clients may take, and for how long requests are finished when the backend ends.
const (
	headerTimeout   = 10 * time.Second
	readTimeout     = 30 * time.Second
	writeTimeout    = 90 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 10 * time.Second
	maxHeader       = 64 << 10
)

// Options say how the front door is served.
type Options struct {
	// Address to serve at: host:port.
	Address string
	// CertFile and KeyFile are the server's certificate, read anew when they change. Without them it speaks plain HTTP.
	CertFile, KeyFile string
	// Origin is where people find the backend: scheme and host.
	Origin *url.URL
	// PrettyName is the provider's name for people.
	PrettyName string
	// Version is the backend's.
	Version string
	// ApplyBinding takes kubeconfigs that people upload, and binds in their clusters.
	ApplyBinding bool
	// Issuer serves /oidc/ if the development issuer is embedded, or is nil.
	Issuer http.Handler
	// Tracer makes spans of requests. Nil: there are none.
	Tracer trace.Tracer
	// Logger of requests.
	Logger logr.Logger
}

// Door serves HTTP for a backend.
type Door struct {
	opts    Options
	fleet   loop.Fleet
	signIn  *auth.SignIn
	access  *auth.Access
	metrics *metrics
	site    *web.Site
	open    atomic.Bool
}

// New returns a door to the logical clusters of a provider, for people that signIn knows and as far as access allows.
func New(opts Options, fleet loop.Fleet, signIn *auth.SignIn, access *auth.Access) (*Door, error) {
	d := &Door{opts: opts, fleet: fleet, signIn: signIn, access: access, metrics: newMetrics()}
	var err error
	d.site, err = web.New(web.Options{PrettyName: opts.PrettyName, Version: opts.Version, Origin: opts.Origin.String(), Uploads: opts.ApplyBinding}, house{d})
	return d, err
}

// NeedLeaderElection tells the manager that every replica serves.
func (*Door) NeedLeaderElection() bool { return false }

// Ready says whether the door takes new connections, as a check of the manager's.
func (d *Door) Ready(*http.Request) error {
	if !d.open.Load() {
		return errors.New("the front door is closed")
	}
	return nil
}

// Start serves until ctx ends, and then finishes the requests that have begun.
func (d *Door) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.opts.Address)
	if err != nil {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	if d.opts.CertFile != "" {
		watcher, err := certwatcher.New(d.opts.CertFile, d.opts.KeyFile)
		if err != nil {
			return errors.Join(fmt.Errorf("reading the server's certificate: %w", err), listener.Close())
		}
		listener = tls.NewListener(listener, &tls.Config{
			GetCertificate: watcher.GetCertificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		})
		go func() {
			if err := watcher.Start(ctx); err != nil {
				d.opts.Logger.Error(err, "the server's certificate is not read anew any more")
			}
		}()
	}
	server := &http.Server{
		Handler:           d.Handler(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	d.open.Store(true)
	d.opts.Logger.Info("serving the front door", "address", listener.Addr().String(), "origin", d.opts.Origin.String())
	select {
	case err := <-served:
		d.open.Store(false)
		return fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	d.open.Store(false)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		return errors.Join(fmt.Errorf("finishing requests: %w", err), server.Close())
	}
	return nil
}
