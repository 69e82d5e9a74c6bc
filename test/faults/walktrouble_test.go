// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
	"kube-bind.io/kube-bind/test/proxy"
)

// stormy is a bound pair whose programs reach API servers through proxies only. The users of the walk do not.
type stormy struct {
	*pair.Pair
	place *pair.Place
	links map[target]*proxy.Proxy
}

// startStormy starts one, which ends with the test.
func startStormy(t *testing.T) *stormy {
	t.Helper()
	dir, s := t.TempDir(), &stormy{links: map[target]*proxy.Proxy{}}
	for _, link := range []target{upLink, homeLink, backendLink} {
		p, err := proxy.Listen()
		if err != nil {
			t.Fatal(err)
		}
		s.links[link] = p
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	backend, konnector := filepath.Join(dir, "backend"), filepath.Join(dir, "konnector")
	p, err := pair.StartControlPlanes(t.Context(), pair.Options{
		Bin:           world.Bin(),
		BackendArgs:   []string{"--kubeconfig", backend, "--external-address", "https://" + s.links[upLink].Addr()},
		KonnectorArgs: []string{"--kubeconfig", konnector},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Pair = p
	t.Cleanup(func() { s.end(t) })
	s.route(t, p.Provider, backendLink, backend)
	s.route(t, p.Provider, upLink, "")
	s.route(t, p.Consumer, homeLink, konnector)
	if err := errors.Join(p.StartBackend(), p.StartKonnector(), p.AwaitAPIs(t.Context())); err != nil {
		t.Fatal(err)
	}
	if s.place, err = p.BindExample(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// end stops the pair. Logs stay if something failed.
func (s *stormy) end(t *testing.T) {
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("logs are in %s", s.LogDir())
	} else if err := s.RemoveLogs(); err != nil {
		t.Error(err)
	}
}

// route leads a link to a side, and writes a kubeconfig for it.
func (s *stormy) route(t *testing.T, side *pair.Side, link target, file string) {
	t.Helper()
	host, err := url.Parse(side.Config().Host)
	if err != nil {
		t.Fatal(err)
	}
	s.links[link].To(host.Host)
	if file == "" {
		return
	}
	kubeconfig := rewritten(t, side.Kubeconfig(), func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
		cluster.Server = "https://" + s.links[link].Addr()
	})
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
}

// program is one that is kept running.
type program struct {
	process func() *controlplane.Process
	start   func() error
}

func (s *stormy) program(of target) program {
	if of == theKonnector {
		return program{s.Konnector, func() error { return s.StartKonnector() }}
	}
	return program{s.Backend, func() error { return s.StartBackend() }}
}

// restartDelay is how long a program that has ended stays so, as with a kubelet.
const restartDelay = time.Second

// keep lets some time pass, and starts the program again whenever it has ended meanwhile: without its lease it does.
func (p program) keep(ctx context.Context, d time.Duration) error {
	until := time.Now().Add(d)
	for {
		select {
		case <-p.process().Exited():
			if err := pause(ctx, restartDelay); err != nil {
				return err
			}
			if err := p.start(); err != nil {
				return err
			}
		case <-time.After(time.Until(until)):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// suffer lets a program have a fault.
func (p program) suffer(ctx context.Context, f fault) error {
	process := p.process()
	switch f.trouble {
	case frozen:
		return p.freeze(ctx, f.lasts)
	case stopped:
		if err := process.Stop(); err != nil {
			return err
		}
	case killed:
		if err := process.Kill(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a program cannot be %s", f.trouble)
	}
	if err := pause(ctx, f.lasts); err != nil {
		return err
	}
	return p.start()
}

// freeze stops a program where it is, and lets it go on.
func (p program) freeze(ctx context.Context, d time.Duration) error {
	process := p.process()
	select {
	case <-process.Exited():
		return nil // there is nothing to freeze; it will be started again
	default:
	}
	if err := syscall.Kill(process.PID(), syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freezing: %w", err)
	}
	passed := pause(ctx, d)
	if err := syscall.Kill(process.PID(), syscall.SIGCONT); err != nil {
		return fmt.Errorf("thawing: %w", err)
	}
	return passed
}

// crash lets an API server be away for a while.
func crash(ctx context.Context, side *pair.Side, f fault) error {
	if err := side.StopAPIServer(); err != nil {
		return err
	}
	if err := pause(ctx, f.lasts); err != nil {
		return err
	}
	return side.StartAPIServer(ctx)
}

// weather of a link with a fault: bad enough to be noticed, good enough for some to get through.
func weather(of trouble) proxy.Weather {
	switch of {
	case cut:
		return proxy.Weather{Cut: true}
	case stalled:
		return proxy.Weather{Stalled: true}
	case delayed:
		return proxy.Weather{Delay: 400 * time.Millisecond}
	}
	return proxy.Weather{BytesPerSecond: 8 << 10}
}

// suffer lets one target have a fault, and returns when it is over.
func (s *stormy) suffer(ctx context.Context, f fault) error {
	switch f.target {
	case theKonnector, theBackend:
		return s.program(f.target).suffer(ctx, f)
	case consumerAPI:
		return crash(ctx, s.Consumer, f)
	case providerAPI:
		return crash(ctx, s.Provider, f)
	}
	s.links[f.target].Set(weather(f.trouble))
	defer s.links[f.target].Set(proxy.Weather{})
	return pause(ctx, f.lasts)
}

// wait lets time pass until the next fault of a target, while its program is kept running if it is one.
func (s *stormy) wait(ctx context.Context, t target, d time.Duration) error {
	if t == theKonnector || t == theBackend {
		return s.program(t).keep(ctx, d)
	}
	return pause(ctx, d)
}

// storm is the faults of an itinerary under way.
type storm struct {
	over   sync.WaitGroup // all faults have been
	gone   sync.WaitGroup // and nobody keeps programs running any more
	cancel context.CancelFunc

	mu   sync.Mutex
	errs []error
	had  map[fault]int // by target and trouble
}

// begin lets all targets have their faults. Programs are kept running until the end.
func (s *stormy) begin(ctx context.Context, faults map[target][]fault) *storm {
	ctx, cancel := context.WithCancel(ctx)
	out := &storm{cancel: cancel, had: map[fault]int{}}
	begin := time.Now()
	for t, list := range faults {
		out.over.Add(1)
		out.gone.Go(func() {
			err := func() error {
				defer out.over.Done()
				for _, f := range list {
					if err := s.wait(ctx, t, f.at-time.Since(begin)); err != nil {
						return err
					}
					if err := s.suffer(ctx, f); err != nil {
						return fmt.Errorf("%s, which is to be %s: %w", f.target, f.trouble, err)
					}
					out.note(f)
				}
				return nil
			}()
			if err == nil {
				err = s.wait(ctx, t, forever)
			}
			out.fail(err)
		})
	}
	return out
}

// forever is longer than any test.
const forever = 100 * time.Hour

func (s *storm) note(f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.had[fault{target: f.target, trouble: f.trouble}]++
}

// fail notes an error, unless it is that of the end.
func (s *storm) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, context.Canceled) {
		s.errs = append(s.errs, err)
	}
}

// failed is what went wrong that was not meant to.
func (s *storm) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}

// end returns when nobody touches the pair any more.
func (s *storm) end() {
	s.cancel()
	s.gone.Wait()
}

// report says what there was, for people; never says what there was not.
func (s *storm) report() (lines []string, never []fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range climates() {
		for _, trouble := range c.troubles {
			of := fault{target: c.target, trouble: trouble}
			lines = append(lines, fmt.Sprintf("%s %s %d times", c.target, trouble, s.had[of]))
			if s.had[of] == 0 {
				never = append(never, of)
			}
		}
	}
	return lines, never
}
