// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
)

// login is how somebody signs in.
type login struct {
	*cli
	skipBrowser bool
	showToken   bool
	timeout     time.Duration
}

func (c *cli) loginCommand() *cobra.Command {
	l := &login{cli: c, timeout: 5 * time.Minute}
	cmd := &cobra.Command{
		Use: "login SERVER_URL", Short: "Sign in at a provider's server",
		Example: "  kubectl bind login https://bind.example.com\n  kubectl bind login https://bind.example.com --skip-browser",
		Args:    exactly(1, "the URL of the server, such as https://bind.example.com"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := loadConfig(c.configFile)
			if err != nil {
				return err
			}
			s, err := c.chosen(file, args[0])
			if err != nil {
				return err
			}
			return l.run(cmd.Context(), file, s)
		},
	}
	cmd.ValidArgsFunction = first(c.knownServers)
	cmd.Flags().BoolVar(&l.skipBrowser, "skip-browser", false, "Do not open a browser: print the URL, for a browser on any machine, and take the code that it shows.")
	cmd.Flags().BoolVar(&l.showToken, "show-token", false, "Accepted for older scripts. Tokens are not shown.")
	_ = cmd.Flags().MarkDeprecated("show-token", "tokens are not shown; they are in the config file")
	cmd.Flags().DurationVar(&l.timeout, "timeout", l.timeout, "How long to wait for the sign-in.")
	return cmd
}

func (c *cli) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout [SERVER_URL]", Short: "Sign out, and forget the token", Args: atMost(1), ValidArgsFunction: first(c.knownServers),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := loadConfig(c.configFile)
			if err != nil {
				return err
			}
			s, err := c.chosen(file, strings.Join(args, ""))
			if err != nil {
				return err
			}
			// A session that has ended already is as good.
			told := c.tellLogout(cmd.Context(), s)
			if err := changeConfig(cmd.Context(), file.path, func(file *config) { file.forget(s.key()) }); err != nil {
				return errors.Join(told, err)
			}
			if told != nil {
				code, _ := explain(told)
				return exit(code, fmt.Errorf("the token is forgotten here, but the server could not be told: %w", told), "There is nothing to do: it expires by itself.")
			}
			c.say("Signed out of %s.", s.URL)
			return nil
		},
	}
}

// tellLogout ends the session at the server.
func (c *cli) tellLogout(ctx context.Context, s *server) error {
	client, err := c.client(s)
	if err != nil || s.AccessToken == "" {
		return err
	}
	if err := client.Logout(ctx); ExitCode(err) != ExitSignIn {
		return err
	}
	return nil
}

// run signs in and writes down the token.
func (l *login) run(ctx context.Context, file *config, s *server) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	client, err := l.client(&server{URL: s.URL})
	if err != nil {
		return err
	}
	l.say("Connecting to kube-bind server %s...", s.URL)
	provider, err := client.Provider(ctx)
	if err != nil {
		return err
	}
	token, err := l.token(ctx, client, provider, s.Cluster)
	if err != nil {
		return err
	}
	out := &server{
		URL: s.URL, Cluster: s.Cluster, AccessToken: token.AccessToken, TokenType: orElse(token.TokenType, "Bearer"), Username: token.Name,
		ExpiresAt: l.Now().Add(time.Duration(token.ExpiresIn) * time.Second).UTC().Truncate(time.Second),
	}
	if err := changeConfig(ctx, file.path, func(file *config) { file.Servers[out.key()], file.Current = out, out.key() }); err != nil {
		return err
	}
	host := strings.TrimPrefix(strings.TrimPrefix(s.URL, "https://"), "http://")
	l.say("🔑 Successfully authenticated to %s", host)
	l.say("Configuration saved to: %s", file.path)
	return nil
}

// token goes the way through the browser.
func (l *login) token(ctx context.Context, client *backendclient.Client, provider *kubebindv1alpha2.BindingProvider, cluster string) (*backendclient.Token, error) {
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	parameters := url.Values{"client_type": {"cli"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}
	if cluster != "" {
		parameters.Set("cluster_id", cluster)
	}
	var answer url.Values
	var err error
	if l.skipBrowser {
		answer, err = l.paste(ctx, client, provider, parameters)
	} else {
		answer, err = l.browse(ctx, provider, parameters)
	}
	if err != nil {
		return nil, err
	}
	if code := answer.Get("code"); code != "" {
		return client.Exchange(ctx, code, verifier)
	}
	seconds, err := strconv.Atoi(answer.Get("expires_in"))
	if token := answer.Get("access_token"); token != "" && err == nil {
		return &backendclient.Token{AccessToken: token, TokenType: answer.Get("token_type"), ExpiresIn: seconds}, nil
	}
	return nil, exit(ExitFailed, errors.New("the browser came back with neither a code nor a token"), "Is this the URL of a kube-bind server? Its administrator knows.")
}

// browse opens a browser here, and waits for it to come back.
func (l *login) browse(ctx context.Context, provider *kubebindv1alpha2.BindingProvider, parameters url.Values) (url.Values, error) {
	back, err := listen(ctx, done{Title: "You are signed in", Text: "Go back to your terminal. This window can be closed."})
	if err != nil {
		return nil, err
	}
	parameters.Set("redirect_url", back.url)
	parameters.Set("session_id", back.session)
	target, err := signInURL(provider, parameters)
	if err != nil {
		return nil, errors.Join(err, back.close(ctx))
	}
	l.say("Opening browser for authentication...")
	if err := l.OpenBrowser(ctx, target); err != nil {
		l.say("No browser could be opened (%v). Open this on this machine, or try --skip-browser:\n\n  %s\n", err, target)
	}
	answer, err := back.wait(ctx)
	return answer, errors.Join(err, back.close(ctx))
}

// paste is for machines without a browser: the page that the browser ends at, on whichever machine, shows a code.
func (l *login) paste(ctx context.Context, client *backendclient.Client, provider *kubebindv1alpha2.BindingProvider, parameters url.Values) (url.Values, error) {
	parameters.Set("redirect_url", client.URL("/cli", nil))
	parameters.Set("session_id", rand.Text())
	target, err := signInURL(provider, parameters)
	if err != nil {
		return nil, err
	}
	l.say("Open this in a browser, and sign in:\n\n  %s\n", target)
	fmt.Fprint(l.ErrOut, "Paste the code that it shows, and press Enter: ")
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(l.In).ReadString('\n')
		lines <- strings.TrimSpace(line)
	}()
	select {
	case line := <-lines:
		if line == "" {
			return nil, exit(ExitSignIn, errors.New("no code was pasted"), "Run the command again.")
		}
		return url.Values{"code": {line}}, nil
	case <-ctx.Done():
		return nil, exit(ExitTimeout, errors.New("no code was pasted in time"), "Run the command again; --timeout waits longer.")
	}
}

// signInURL is where the browser goes. It must be a web page: browsers open other things as well.
func signInURL(provider *kubebindv1alpha2.BindingProvider, parameters url.Values) (string, error) {
	for _, method := range provider.AuthenticationMethods {
		if method.Method != kubebindv1alpha2.AuthenticationMethodOAuth2CodeGrant || method.OAuth2CodeGrant == nil {
			continue
		}
		target, err := url.Parse(method.OAuth2CodeGrant.AuthenticatedURL)
		if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
			return "", exit(ExitFailed, errors.New("the server's sign-in page is no web page"), "Show this to the provider's administrator: it is the URL that the server answers /api/exports with.")
		}
		query := target.Query()
		for name, values := range parameters {
			query[name] = values
		}
		target.RawQuery = query.Encode()
		return target.String(), nil
	}
	return "", exit(ExitFailed, errors.New("the server offers no way to sign in that this program knows"), "A newer kubectl-bind may know one.")
}
