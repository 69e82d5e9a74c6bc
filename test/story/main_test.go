// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"kube-bind.io/kube-bind/test/browser"
)

// With these in its environment, and an address as its last argument, the test binary is a browser.
const (
	browserUser     = "KUBE_BIND_STORY_USER"
	browserPassword = "KUBE_BIND_STORY_PASSWORD"
	// browserDesk is a URL of the test that gets the address instead.
	browserDesk = "KUBE_BIND_STORY_DESK"
)

func TestMain(m *testing.M) {
	address := os.Args[len(os.Args)-1]
	if desk := os.Getenv(browserDesk); desk != "" {
		exit(handOver(desk, address))
	}
	if user := os.Getenv(browserUser); user != "" {
		exit(browse(address, user, os.Getenv(browserPassword)))
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// browse opens an address, signs in, and goes back to the program that opened it.
func browse(address, user, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := browser.New(nil)
	if err != nil {
		return err
	}
	return signIn(ctx, b, address, user, password)
}

func signIn(ctx context.Context, b *browser.Browser, address, user, password string) error {
	target, err := url.Parse(address)
	if err != nil {
		return err
	}
	back, err := b.SignIn(ctx, address, target.Query().Get("redirect_url"), user, password)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, back.String(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
