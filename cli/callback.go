// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kube-bind.io/kube-bind/printable"
)

//go:embed callback.html
var callbackPage string

// done are the words of the page that the browser ends at.
type done struct {
	Title, Text string
	Failed      bool
}

// callback is a server on this machine that waits for a browser to come back.
type callback struct {
	// page is what the browser shows when the program has what it waited for.
	page *template.Template
	// done is what it says.
	done done
	// session is what the browser has to come back with.
	session string
	url     string
	server  *http.Server
	got     chan url.Values
}

// listen starts a callback. Its address has a part that no other page knows.
func listen(ctx context.Context, words done) (*callback, error) {
	page, err := template.New("callback").Parse(callbackPage)
	if err != nil {
		return nil, fmt.Errorf("preparing the page for the browser: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("waiting for the browser: %w", err)
	}
	c := &callback{page: page, done: words, session: rand.Text(), got: make(chan url.Values, 1)}
	path := "/callback/" + rand.Text()
	c.url = "http://" + listener.Addr().String() + path
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, c.arrive)
	c.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		// It ends with close.
		_ = c.server.Serve(listener)
	}()
	return c, nil
}

// arrive takes the first answer that is meant for this program.
func (c *callback) arrive(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src '"+styleHash(callbackPage)+"'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	query := r.URL.Query()
	// Upstream's backends do not hand it back when somebody signs in.
	if id := query.Get("session_id"); id != "" && subtle.ConstantTimeCompare([]byte(id), []byte(c.session)) != 1 {
		http.Error(w, "This is not what the program waits for.", http.StatusUnauthorized)
		return
	}
	words := c.done
	if query.Get("error") != "" {
		words = done{Title: "That did not work", Text: "Your terminal says why.", Failed: true}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := c.page.Execute(w, words); err != nil {
		return
	}
	select {
	case c.got <- query:
	default:
	}
}

// styleHash is how a Content-Security-Policy names the style sheet in a page.
func styleHash(page string) string {
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// wait returns what the browser came back with.
func (c *callback) wait(ctx context.Context) (url.Values, error) {
	select {
	case query := <-c.got:
		if code := query.Get("error"); code != "" {
			return nil, exit(ExitRefused, fmt.Errorf("the server says: %s", printable.Line(orElse(query.Get("error_description"), code))), "Run the command again. If it stays so, show this to the provider's administrator.")
		}
		return query, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, exit(ExitTimeout, errors.New("nobody came back from the browser in time"), "Try again; --timeout waits longer, --skip-browser needs no browser on this machine.")
		}
		return nil, ctx.Err()
	}
}

// close finishes the answer that the browser is reading.
func (c *callback) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := c.server.Shutdown(ctx); err != nil {
		return errors.Join(err, c.server.Close())
	}
	return nil
}

func orElse(value, other string) string {
	if value == "" {
		return other
	}
	return value
}
