// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"kube-bind.io/kube-bind/backend/auth/issuer"
	"kube-bind.io/kube-bind/test/browser"
)

// browse is the browser of the demo: it fills in the form of the development issuer, and goes back to the program that
// opened it.
func browse(ctx context.Context, address string) error {
	b, err := browser.New(nil)
	if err != nil {
		return err
	}
	target, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("reading the address: %w", err)
	}
	user := issuer.DefaultUsers()[0]
	back, err := b.SignIn(ctx, address, target.Query().Get("redirect_url"), user.Name, user.Password)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, back.String(), nil)
	if err != nil {
		return fmt.Errorf("going back: %w", err)
	}
	response, err := b.Do(request)
	if err != nil {
		return fmt.Errorf("going back: %w", err)
	}
	return response.Body.Close()
}
