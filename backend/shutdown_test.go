// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/backend/auth"
)

// A backend that is told to end takes no new connections, says so to its probes, and finishes the requests that have begun.
func TestRequestsAreFinished(t *testing.T) {
	address, health := freeAddress(t), freeAddress(t)
	stop := start(t, func(o *backend.Options) {
		o.FrontendDisabled, o.LeaseNamespace, o.HealthAddress = false, newNamespace(t, "-door"), health
		f := &o.FrontDoor
		f.ListenAddress, f.OIDCType, f.CallbackURL = address, backend.OIDCEmbedded, "http://"+address+auth.CallbackPath
	})
	eventually(t, "the front door to be open", func(context.Context) error {
		response, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
	eventually(t, "it to be ready", func(ctx context.Context) error { return probed(ctx, health, "/readyz", http.StatusOK) })
	begun, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Close()
	body := `{"code": "none"}`
	if _, err := fmt.Fprintf(begun, "POST /api/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, len(body)); err != nil {
		t.Fatal(err)
	}
	// That the handler asks for the body says that it has begun.
	answers := bufio.NewReader(begun)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	eventually(t, "new connections to be refused", func(ctx context.Context) error {
		fresh, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil //nolint:nilerr // that is what is waited for
		}
		return errorf("there is one: %v", fresh.Close())
	})
	for probe, want := range map[string]int{"/readyz": http.StatusInternalServerError, "/healthz": http.StatusOK} {
		if err := probed(t.Context(), health, probe, want); err != nil {
			t.Errorf("with a request under way: %v", err)
		}
	}
	select {
	case <-stopped:
		t.Fatal("it has ended with a request under way")
	default:
	}
	if _, err := begun.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("the request was not finished: %v", err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("it is answered with %d, %v", response.StatusCode, err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	<-stopped
}
