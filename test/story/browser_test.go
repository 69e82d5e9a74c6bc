// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kube-bind.io/kube-bind/backend/auth/issuer"
	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/test/browser"
	"kube-bind.io/kube-bind/test/pair"
)

// The two ways that need no template's name and no browser beside the terminal: the service is chosen on the page, and a code is
// carried over by hand.
func TestBrowserElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{})
	if err := w.StartKonnector(); err != nil {
		t.Fatal(err)
	}
	w.pastesCode(t)
	if out := w.run(t, cli.ExitOK, "templates", "-o", "name").stdout; !strings.Contains(out, "cowboys") {
		t.Errorf("after the code was pasted there are %q", out)
	}
	w.run(t, cli.ExitOK, "logout")

	// kubectl bind URL signs in first, and then opens the page.
	w.desk = func(ctx context.Context, address string) error { return w.chooses(ctx, address, "cowboys", "riders") }
	out := w.run(t, cli.ExitOK, w.Door(), "--yes", "--skip-konnector")
	says(t, out.stderr, "Successfully authenticated", "Opening kube-bind UI in your browser...", "Browser opened successfully", "Waiting for binding completion from UI...",
		"Binding riders", "Created APIServiceBinding riders", "Resources bound successfully!")
	if out.stdout != "  - riders\n" {
		t.Errorf("stdout is %q", out.stdout)
	}
	w.syncs(t, "billy-the-kid")
}

// pastesCode signs in with --skip-browser: the URL is opened elsewhere, and the code that is shown there is typed in.
func (w *world) pastesCode(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(w.Bin(), "kubectl-bind"), "login", w.Door(), "--skip-browser")
	cmd.Env = w.environment(t, self)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	code, err := codeShown(ctx, stderr, w.Door())
	if err == nil {
		_, err = fmt.Fprintln(stdin, code)
	}
	if err != nil {
		t.Error(err)
		cancel()
	}
	rest, _ := io.ReadAll(stderr)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, rest)
	}
}

// codeShown opens the address that a program prints, signs in, and reads the code on the page.
func codeShown(ctx context.Context, printed io.Reader, origin string) (string, error) {
	var address string
	for lines := bufio.NewScanner(printed); address == ""; {
		if !lines.Scan() {
			return "", errors.New("no address is printed")
		}
		if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, origin+"/api/authorize?") {
			address = line
		}
	}
	b, err := browser.New(nil)
	if err != nil {
		return "", err
	}
	alice := issuer.DefaultUsers()[0]
	at, err := b.SignIn(ctx, address, origin+"/cli", alice.Name, alice.Password)
	if err != nil {
		return "", err
	}
	page, err := open(ctx, b, http.MethodGet, at.String(), nil)
	if err != nil {
		return "", err
	}
	_, code, _ := strings.Cut(page, `<code id="code">`)
	code, _, found := strings.Cut(code, "<")
	if !found {
		return "", fmt.Errorf("the page shows no code: %s", page)
	}
	return code, nil
}

// chooses is somebody in front of a browser that kubectl bind opens twice: to sign in, and to choose.
func (w *world) chooses(ctx context.Context, address, template, name string) error {
	alice := issuer.DefaultUsers()[0]
	b, err := browser.New(nil)
	if err != nil {
		return err
	}
	target, err := url.Parse(address)
	if err != nil {
		return err
	}
	if target.Path == "/api/authorize" {
		return signIn(ctx, b, address, alice.Name, alice.Password)
	}
	welcome, err := open(ctx, b, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	_, link, _ := strings.Cut(welcome, `href="/api/authorize?`)
	link, _, found := strings.Cut(link, `"`)
	if !found {
		return fmt.Errorf("the page does not ask to sign in: %s", welcome)
	}
	if _, err := b.SignIn(ctx, w.Door()+"/api/authorize?"+strings.ReplaceAll(link, "&amp;", "&"), w.Door()+"/?", alice.Name, alice.Password); err != nil {
		return err
	}
	_, err = open(ctx, b, http.MethodPost, w.Door()+"/templates/"+template+"/cli?"+target.RawQuery, url.Values{"name": {name}})
	return err
}

// open sends a request as a browser does, and returns the page that it ends at.
func open(ctx context.Context, b *browser.Browser, method, address string, form url.Values) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	// A welcome is what somebody gets who is not signed in.
	if err == nil && response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
		err = fmt.Errorf("%s: %s: %s", address, response.Status, body)
	}
	return string(body), err
}
