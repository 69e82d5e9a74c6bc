// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// atATime is how many requests are under way.
const atATime = 16

// Answers makes all attempts with a credential, and returns the status codes.
func Answers(t *testing.T, config *rest.Config, all []Attempt) []int {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	out, errs := make([]int, len(all)), make([]error, len(all))
	var group sync.WaitGroup
	next := make(chan int)
	for range atATime {
		group.Go(func() {
			for i := range next {
				out[i], errs[i] = all[i].do(t.Context(), client, server.Scheme+"://"+server.Host)
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	group.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%s %s in %s: %v", all[i].Verb, all[i].Resource, all[i].Where, err)
		}
	}
	return out
}

func (a Attempt) do(ctx context.Context, client *http.Client, server string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, a.method, server+a.path, strings.NewReader(a.body))
	if err != nil {
		return 0, err
	}
	maps.Copy(request.Header, a.header)
	if a.contentType != "" {
		request.Header.Set("Content-Type", a.contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	if response.StatusCode < http.StatusMultipleChoices { // a watch goes on
		return response.StatusCode, response.Body.Close()
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := response.Body.Close(); err != nil {
		return 0, err
	}
	return response.StatusCode, err
}

// Refused tells whether an answer says that the caller may not, whatever else is wrong with the request.
func Refused(code int) bool { return code == http.StatusForbidden || code == http.StatusUnauthorized }

// Matrix is where which verbs on which resources were not refused, with the answers: one line for each place and resource.
func Matrix(all []Attempt, codes []int) string {
	cells := map[string]string{}
	var rows []string
	for i, a := range all {
		if Refused(codes[i]) {
			continue
		}
		row := fmt.Sprintf("%-60s %-50s", a.Where, a.Resource)
		if _, found := cells[row]; !found {
			rows = append(rows, row)
		}
		cells[row] += fmt.Sprintf(" %s=%d", a.Verb, codes[i])
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(row + cells[row] + "\n")
	}
	return out.String()
}
