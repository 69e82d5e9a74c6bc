// SPDX-License-Identifier: Apache-2.0

package backendclient

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	clienttransport "k8s.io/client-go/transport"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	// timeout is the default of Options.Timeout.
	timeout = 90 * time.Second
	// maxAnswer is how long an answer may be.
	maxAnswer = 16 << 20
)

// Options say how a backend is reached.
type Options struct {
	// Server is its URL: scheme and host.
	Server string
	// Token proves who asks. "" is nobody.
	Token string
	// Cluster is the logical cluster that is asked about.
	Cluster string
	// Insecure does not check the server's certificate.
	Insecure bool
	// Version is the client's, for the server's log.
	Version string
	// Timeout is how long an answer may take. Default: 90 s, as a bind waits a minute for the export.
	Timeout time.Duration
}

// Client asks a backend. All methods return an *UnreachableError if nobody answers, an *AnswerError if something else than a
// backend does, and a *RefusedError if the backend says no.
type Client struct {
	opts Options
	base *url.URL
	http *http.Client
}

// New returns a client. It fails if the server is no http or https URL.
func New(opts Options) (*Client, error) {
	base, err := url.Parse(opts.Server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		return nil, fmt.Errorf("%q is no URL of a kube-bind server; it looks like https://bind.example.com", opts.Server)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	transport.TLSClientConfig.InsecureSkipVerify = opts.Insecure
	return &Client{opts: opts, base: &url.URL{Scheme: base.Scheme, Host: base.Host}, http: &http.Client{
		// With -v=6 and more it says what is asked, without the token.
		Transport: clienttransport.DebugWrappers(transport), Timeout: cmp.Or(opts.Timeout, timeout),
		// A token goes nowhere but to the server it is for.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// URL is a page of the server.
func (c *Client) URL(path string, query url.Values) string {
	target := *c.base
	target.Path, target.RawQuery = path, query.Encode()
	return target.String()
}

// Provider says who the provider is, and where to sign in.
func (c *Client) Provider(ctx context.Context) (*kubebindv1alpha2.BindingProvider, error) {
	out := &kubebindv1alpha2.BindingProvider{}
	return out, c.do(ctx, http.MethodGet, "/api/exports", nil, nil, out)
}

// Token is what a code is exchanged for.
type Token struct {
	// AccessToken and TokenType are what requests are sent with.
	AccessToken string `json:"access_token"`
	// TokenType is described at AccessToken.
	TokenType string `json:"token_type"`
	// ExpiresIn is in seconds.
	ExpiresIn int `json:"expires_in"`
	// Cluster is the logical cluster that it is for.
	Cluster string `json:"cluster_id"`
	// Name is who signed in.
	Name string `json:"name"`
}

// Exchange returns the token for a code.
func (c *Client) Exchange(ctx context.Context, code, verifier string) (*Token, error) {
	out := &Token{}
	return out, c.do(ctx, http.MethodPost, "/api/token", nil, map[string]string{"code": code, "code_verifier": verifier}, out)
}

// Templates lists what may be bound.
func (c *Client) Templates(ctx context.Context) (*kubebindv1alpha2.APIServiceExportTemplateList, error) {
	out := &kubebindv1alpha2.APIServiceExportTemplateList{}
	return out, c.do(ctx, http.MethodGet, "/api/templates", c.cluster(), nil, out)
}

// Collections lists groups of templates.
func (c *Client) Collections(ctx context.Context) (*kubebindv1alpha2.CollectionList, error) {
	out := &kubebindv1alpha2.CollectionList{}
	return out, c.do(ctx, http.MethodGet, "/api/collections", c.cluster(), nil, out)
}

// Bind asks for a place with a template granted.
func (c *Client) Bind(ctx context.Context, request *kubebindv1alpha2.BindableResourcesRequest, consumer string) (*kubebindv1alpha2.BindingResourceResponse, error) {
	query := c.cluster()
	if consumer != "" {
		query.Set("consumer_id", consumer)
	}
	out := &kubebindv1alpha2.BindingResourceResponse{}
	return out, c.do(ctx, http.MethodPost, "/api/bind", query, request, out)
}

// Logout ends the session of the token.
func (c *Client) Logout(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/api/logout", c.cluster(), struct{}{}, nil)
}

func (c *Client) cluster() url.Values {
	out := url.Values{}
	if c.opts.Cluster != "" {
		out.Set("cluster_id", c.opts.Cluster)
	}
	return out
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, body, into any) error {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding a request to the server: %w", err)
		}
		reader = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL(path, query), reader)
	if err != nil {
		return fmt.Errorf("preparing a request to the server: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "kubectl-bind/"+c.opts.Version)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.opts.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.opts.Token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return &UnreachableError{Server: c.base.String(), Err: withoutURL(err)}
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &UnreachableError{Server: c.base.String(), Err: fmt.Errorf("reading its answer: %w", err)}
	}
	if response.StatusCode != http.StatusOK {
		return c.refusal(response, raw)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return c.foreign(response)
	}
	return nil
}
