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
)

func TestMain(m *testing.M) {
	if user := os.Getenv(browserUser); user != "" {
		if err := browse(os.Args[len(os.Args)-1], user, os.Getenv(browserPassword)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// browse opens an address, signs in, and goes back to the program that opened it.
func browse(address, user, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := browser.New(nil)
	if err != nil {
		return err
	}
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
	response, err := b.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
