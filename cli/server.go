// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"

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
		if cluster == "" || cluster == found.Cluster {
			return found, nil
		}
		raw = found.URL
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

// known returns the server's entry in another logical cluster, if nobody has said which one is meant, and there is just one.
func (c *cli) known(file *config, s *server) *server {
	if s.AccessToken != "" || s.Cluster != "" || c.cluster != "" {
		return s
	}
	var found []*server
	for _, other := range file.Servers {
		if other.URL == s.URL && other.AccessToken != "" {
			found = append(found, other)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return s
}

// client asks a server as whoever is signed in there.
func (c *cli) client(s *server) (*backendclient.Client, error) {
	timeout, err := c.requestTimeout()
	if err != nil {
		return nil, err
	}
	return backendclient.New(backendclient.Options{
		Server: s.URL, Token: s.AccessToken, Cluster: s.Cluster, Insecure: c.insecure, Version: c.Version, Timeout: timeout,
	})
}

// requestTimeout is kubectl's --request-timeout, which is meant for the server as well. 0 is none.
func (c *cli) requestTimeout() (time.Duration, error) {
	timeout, err := clientcmd.ParseTimeout(*c.kube.Timeout)
	if err != nil || timeout < 0 {
		return 0, usage("--request-timeout=%q: must be a time such as 30s", *c.kube.Timeout)
	}
	return timeout, nil
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
	s = c.known(file, s)
	if !s.signedIn(c.Now()) {
		why := "you are not signed in at " + s.URL
		if s.AccessToken != "" {
			why = "your sign-in at " + s.URL + " has expired"
		}
		return nil, nil, exit(ExitSignIn, errors.New(why), "Run: kubectl bind login %s", loginArguments(s))
	}
	if exposed(file.path) {
		c.say("Warning: others on this machine can read your tokens in %s. Run: chmod 600 %[1]s", file.path)
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
