// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"kube-bind.io/kube-bind/cli/backendclient"
)

// parseServer returns the scheme and the host of what somebody typed.
func parseServer(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", usage("%q is no URL of a kube-bind server; it looks like https://bind.example.com", raw)
	}
	return u.Scheme + "://" + u.Host, nil
}

// chosen is the server that a command line means, and what the config file knows of it.
func (c *cli) chosen(file *config, argument string) (*server, error) {
	raw, cluster := c.serverURL, c.cluster
	if argument != "" {
		if raw != "" && raw != argument {
			return nil, usage("--server and the argument name two servers")
		}
		raw = argument
	}
	if raw == "" {
		found := file.Servers[file.Current]
		if found == nil {
			return nil, exit(ExitSignIn, errors.New("you are not signed in at any server"), "Run: kubectl bind login https://<server>")
		}
		return found, nil
	}
	address, err := parseServer(raw)
	if err != nil {
		return nil, err
	}
	wanted := &server{URL: address, Cluster: cluster}
	if found := file.Servers[wanted.key()]; found != nil {
		return found, nil
	}
	return wanted, nil
}

// client asks a server as whoever is signed in there.
func (c *cli) client(s *server) (*backendclient.Client, error) {
	return backendclient.New(backendclient.Options{
		Server: s.URL, Token: s.AccessToken, Cluster: s.Cluster, Insecure: c.insecure, Version: c.Version,
	})
}

// signedIn is a client for the chosen server, or the error of somebody who has to sign in first.
func (c *cli) signedIn(argument string) (*backendclient.Client, *server, error) {
	file, err := loadConfig(c.configFile)
	if err != nil {
		return nil, nil, err
	}
	s, err := c.chosen(file, argument)
	if err != nil {
		return nil, nil, err
	}
	if !s.signedIn(c.Now()) {
		return nil, nil, exit(ExitSignIn, fmt.Errorf("you are not signed in at %s, or were some time ago", s.URL), "Run: kubectl bind login %s", loginArguments(s))
	}
	client, err := c.client(s)
	return client, s, err
}

func loginArguments(s *server) string {
	if s.Cluster == "" {
		return s.URL
	}
	return strings.Join([]string{s.URL, "--cluster", s.Cluster}, " ")
}
