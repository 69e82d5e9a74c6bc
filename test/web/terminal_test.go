// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
)

// terminal is where kubectl bind runs, with a tab as its browser.
type terminal struct {
	bin, home string
	// opened are the addresses that its browser is to open.
	opened *bufio.Scanner
}

// newTerminal builds kubectl bind. The program that BROWSER names hands addresses to the test through a pipe.
func newTerminal(t *testing.T) *terminal {
	t.Helper()
	home := t.TempDir()
	bin, err := pair.Build(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(home, "addresses")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "browser"), []byte("echo \"$1\" >"+pipe+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// For reading and writing: opening it waits for nobody.
	opened, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return &terminal{bin: bin, home: home, opened: bufio.NewScanner(opened)}
}

// running is a kubectl bind that goes on.
type running struct {
	stdout, stderr bytes.Buffer
	ended          chan error
}

// start starts kubectl bind.
func (c *terminal) start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	out := &running{ended: make(chan error, 1)}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "kubectl-bind"), args...)
	cmd.Env = append(os.Environ(), "HOME="+c.home, "KUBECONFIG="+world.kubeconfig, "BROWSER=sh "+filepath.Join(c.home, "browser"))
	cmd.Stdout, cmd.Stderr = &out.stdout, &out.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		out.ended <- cmd.Wait()
		cancel()
	}()
	return out
}

// wait wants it to end well, having said all this.
func (r *running) wait(t *testing.T, stdout string, says ...string) {
	t.Helper()
	if err := <-r.ended; err != nil {
		t.Fatalf("kubectl bind: %v\n%s", err, r.stderr.String())
	}
	if got := r.stdout.String(); got != stdout {
		t.Errorf("kubectl bind prints %q, want %q", got, stdout)
	}
	for _, part := range says {
		if !strings.Contains(r.stderr.String(), part) {
			t.Errorf("kubectl bind does not say %q:\n%s", part, r.stderr.String())
		}
	}
}

// follow opens what a program wants to be opened, and may then go to where that program waits.
func (b *tab) follow(c *terminal) {
	b.t.Helper()
	if !c.opened.Scan() {
		b.t.Fatalf("no address comes: %v", c.opened.Err())
	}
	address := c.opened.Text()
	b.allow(b.t, address)
	b.arrive("opening "+address, chromedp.Navigate(address))
}

// Somebody types kubectl bind and an address, and does everything else in the browser: with the shipped program, to the end.
func TestKubectlBind(t *testing.T) {
	c := newTerminal(t)
	b := newTab(t)
	bind := c.start(t, world.origin, "--skip-konnector", "--yes")
	b.follow(c)
	b.at("/oidc/sign-in" + b.evaluate("location.search"))
	b.fits()
	b.fillIn("alice")
	b.sees("You are signed in", "Go back to your terminal")
	b.fits()

	b.follow(c)
	b.sees("A program on your machine waits at 127.0.0.1:")
	b.signIn("alice")
	b.click(`.chips a[href*="collection=networking"]`)
	b.click(`a[href^="/templates/routes"]`)
	b.sees("httproutes.gateway.networking.k8s.io", "Bind for CLI")
	b.do("naming it", chromedp.SetValue(chromedp.CSS("#name"), "gateway"))
	b.click(`button[formaction*="/cli"]`)
	b.sees("Back to your terminal", "it goes on there")
	b.fits()
	b.picture("web-done")
	bind.wait(t, "  - gateway\n", "Successfully authenticated", "Binding gateway", "httproutes.gateway.networking.k8s.io", "Created APIServiceBinding gateway", "Resources bound successfully!")

	bin, err := controlplane.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"wait", "apiservicebinding/gateway", "--for=condition=Ready", "--timeout=10s"},
		{"wait", "crd/httproutes.gateway.networking.k8s.io", "--for=condition=Established", "--timeout=10s"},
	} {
		if said, err := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl"), append(args, "--kubeconfig", world.kubeconfig)...).CombinedOutput(); err != nil {
			t.Errorf("kubectl %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
	b.open("/bindings")
	b.sees("gateway", "Connected", "httproutes.gateway.networking.k8s.io")
}
