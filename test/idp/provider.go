// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kube-bind.io/kube-bind/controlplane"
)

const (
	program = "dex"
	// startTimeout bounds a start whose context has no earlier deadline.
	startTimeout = time.Minute
	// portAttempts is how many ports are tried before a start fails because they were all taken.
	portAttempts = 5
	pollInterval = 20 * time.Millisecond
	probeTimeout = 5 * time.Second
	logLines     = 15
)

// Options say how a provider is started.
type Options struct {
	// RedirectURIs are where the client may have users sent back to. Required.
	RedirectURIs []string
	// Users are who can sign in. Default: DefaultUsers.
	Users []User
	// IDTokenLifetime is how long ID tokens are valid. Default: one hour.
	IDTokenLifetime time.Duration
	// BinDir is the folder of the program. Default: see controlplane.BinDir.
	BinDir string
	// LogDir is the folder of the log, dex.log, appended to. Default: a temporary folder, which goes away with Stop.
	LogDir string
}

func (o Options) withDefaults() (Options, error) {
	if len(o.RedirectURIs) == 0 {
		return o, errors.New("a client without a redirect URI cannot sign anybody in")
	}
	if o.Users == nil {
		o.Users = DefaultUsers()
	}
	if o.IDTokenLifetime == 0 {
		o.IDTokenLifetime = time.Hour
	}
	if o.BinDir == "" {
		dir, err := controlplane.BinDir()
		if err != nil {
			return o, err
		}
		o.BinDir = dir
	}
	return o, nil
}

// Provider is a running OpenID provider, with one client that has a secret.
type Provider struct {
	options   Options
	dir       string
	directory *directory
	process   *controlplane.Process

	issuer, clientID, clientSecret string
}

// Start starts a provider on a free loopback port and waits until discovery answers. ctx bounds the start only. An
// error shows the end of the log if the process has died, and leaves nothing behind.
func Start(ctx context.Context, o Options) (*Provider, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("starting an OpenID provider: %w", err)
	}
	dir, err := os.MkdirTemp("", "kube-bind-idp-")
	if err != nil {
		return nil, fmt.Errorf("starting an OpenID provider: %w", err)
	}
	if o.LogDir == "" {
		o.LogDir = dir
	}
	p := &Provider{options: o, dir: dir, clientID: "kube-bind", clientSecret: rand.Text()}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting an OpenID provider: %w", err), p.Stop())
	}
	return p, nil
}

// start starts everything, on other ports as long as they turn out to be taken.
func (p *Provider) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
	defer cancel()
	if p.directory, err = startDirectory(p.options.Users); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := p.startOnFreePort(ctx)
		if err == nil || attempt == portAttempts || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
	}
}

func (p *Provider) startOnFreePort(ctx context.Context) error {
	port, err := controlplane.FreePort()
	if err != nil {
		return err
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	p.issuer = "http://" + address + "/dex" // with a path, as many issuers have one
	content, err := p.encodeConfiguration(address)
	if err != nil {
		return fmt.Errorf("encoding the configuration: %w", err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "dex.yaml"), content, 0o600); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	p.process, err = controlplane.StartProcess(controlplane.ProcessOptions{
		Name:    program,
		Path:    filepath.Join(p.options.BinDir, program),
		Args:    []string{"serve", "dex.yaml"},
		Dir:     p.dir,
		LogFile: filepath.Join(p.options.LogDir, program+".log"),
	})
	if err != nil {
		return err
	}
	return p.waitForDiscovery(ctx)
}

// waitForDiscovery fails early if the process ends, and with the last answer if ctx does.
func (p *Provider) waitForDiscovery(ctx context.Context) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	asker := &http.Client{Transport: transport, Timeout: probeTimeout}
	var answer error
	err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		select {
		case <-p.process.Exited():
			return false, fmt.Errorf("%s has ended; the end of %s:\n%s", program, p.process.LogFile(), p.process.LogTail(logLines))
		default:
		}
		answer = probe(ctx, asker, p.issuer+"/.well-known/openid-configuration")
		return answer == nil, nil
	})
	if ctx.Err() != nil {
		return fmt.Errorf("waiting for discovery: %w; last answer: %w", context.Cause(ctx), answer)
	}
	return err
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
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

// Stop ends the provider and removes its folder. What it has signed does not verify any more, as its keys are gone.
func (p *Provider) Stop() error {
	var errs []error
	if p.process != nil {
		errs = append(errs, p.process.Kill())
	}
	if p.directory != nil {
		errs = append(errs, p.directory.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(p.dir))...)
}

// Issuer is the provider's URL, below which discovery is, and the claim iss.
func (p *Provider) Issuer() string { return p.issuer }

// ClientID is the client's name, and the claim aud of its tokens.
func (p *Provider) ClientID() string { return p.clientID }

// ClientSecret is what the client shows at the token endpoint.
func (p *Provider) ClientSecret() string { return p.clientSecret }

// Users are who can sign in, as they are now.
func (p *Provider) Users() []User { return p.directory.all() }

// SetGroups changes the groups of a user. Tokens that have been issued keep the old ones; a refresh tells the new.
func (p *Provider) SetGroups(name string, groups ...string) error {
	return p.directory.setGroups(name, groups)
}
