// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
	"kube-bind.io/kube-bind/deploy/install"
)

// bind is kubectl bind itself: a service is chosen by its template's name, or in the browser.
type bind struct {
	*binder
	template    string
	name        string
	skipBrowser bool
}

func (c *cli) bindCommand() *cobra.Command {
	b := &bind{binder: newBinder(c)}
	cmd := &cobra.Command{
		Use: "kubectl-bind [SERVER_URL]", Short: "Bind APIs of a provider to your cluster",
		Long: `Binds an API of a provider to the cluster that kubectl talks to: its CRD appears there, objects of it are carried to the
provider, and their status comes back.

Without --template, the provider's page opens in a browser, to choose there. Nothing is written to your cluster before you
have seen what the provider asks for, and agreed.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 sign in first, 4 the provider refuses, 5 not in time, 6 not healthy (status
--exit-code), 7 you did not agree, 8 server or cluster away, 130 interrupted.`,
		Example: `  kubectl bind login https://bind.example.com
  kubectl bind                          # choose in the browser
  kubectl bind --template cowboys       # without one
  kubectl bind --template cowboys --dry-run=client -o yaml > cowboys.yaml`,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl bind"},
		Args:        atMost(1),
		PreRunE:     func(*cobra.Command, []string) error { return b.validate() },
		RunE:        func(cmd *cobra.Command, args []string) error { return b.run(cmd.Context(), strings.Join(args, "")) },
	}
	cmd.Flags().StringVar(&b.template, "template", "", "Name of the template to bind: see kubectl bind templates.")
	cmd.Flags().StringVar(&b.name, "name", "", "Name of the binding. Default: that of the template.")
	cmd.Flags().BoolVar(&b.skipBrowser, "skip-browser", false, "Do not open a browser: print the URL.")
	b.addFlags(cmd)
	cmd.ValidArgsFunction = first(c.knownServers)
	completeFlag(cmd, "template", noFiles(c.templates))
	return cmd
}

func (b *bind) run(ctx context.Context, argument string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	server, s, err := b.signInFirst(ctx, argument)
	if err != nil {
		return err
	}
	identity, err := b.consumerIdentity(ctx)
	if err != nil {
		return err
	}
	if b.template == "" {
		chosen, err := b.choose(ctx, server, s, identity)
		if err != nil || chosen == nil {
			return err
		}
		b.template, b.name = chosen.template, orElse(b.name, chosen.name)
		if chosen.contract != nil {
			// The page that made it is the provider's: what it showed is not known here.
			if err := b.confirmRequests(ctx, chosen.contract); err != nil {
				return err
			}
			return b.conclude(ctx, chosen.contract)
		}
	}
	c, err := b.agree(ctx, server, wanted{template: b.template, name: orElse(b.name, b.template), identity: identity})
	if err != nil {
		return err
	}
	return b.conclude(ctx, c)
}

// signInFirst is a client for the chosen server. Who named one and is not signed in there is asked to, now.
func (b *bind) signInFirst(ctx context.Context, argument string) (*backendclient.Client, *server, error) {
	client, s, err := b.signedIn(argument)
	if ExitCode(err) != ExitSignIn || argument == "" {
		return client, s, err
	}
	file, err := loadConfig(b.configFile)
	if err != nil {
		return nil, nil, err
	}
	if s, err = b.chosen(file, argument); err != nil {
		return nil, nil, err
	}
	l := &login{cli: b.cli, skipBrowser: b.skipBrowser, timeout: 5 * time.Minute}
	if err := l.run(ctx, file, s); err != nil {
		return nil, nil, err
	}
	return b.signedIn(argument)
}

// choice is what somebody chose in the browser: a template, or with a server of upstream's all that a bind returns.
type choice struct {
	template, name string
	contract       *install.Contract
}

// choose opens the provider's page, and waits for what is chosen there.
func (b *bind) choose(ctx context.Context, client *backendclient.Client, s *server, identity string) (*choice, error) {
	back, err := listen(ctx, done{Title: "Back to your terminal", Text: "It knows what you chose, and it goes on there. This window can be closed."})
	if err != nil {
		return nil, err
	}
	parameters := url.Values{
		"redirect_url": {back.url}, "session_id": {back.session}, "consumer_id": {orElse(identity, uiIdentity)}, "response": {"choice"},
	}
	if s.Cluster != "" {
		parameters.Set("cluster_id", s.Cluster)
	}
	target := client.URL("/", parameters)
	b.say("🌐 Opening kube-bind UI in your browser...")
	why := "--skip-browser was given"
	if !b.skipBrowser {
		why = text(b.OpenBrowser(ctx, target))
	}
	if why == "" {
		b.say("Browser opened successfully")
	} else {
		b.say("No browser was opened (%s). Open this on this machine, or choose with --template:\n\n  %s\n", why, target)
	}
	b.say("Waiting for binding completion from UI...\n   (Press Ctrl+C to cancel)\n")
	answer, err := back.wait(ctx)
	if err := errors.Join(err, back.close(ctx)); err != nil {
		return nil, err
	}
	if raw := answer.Get("binding_response"); raw != "" {
		c, err := decodeResponse(raw)
		return &choice{contract: c}, err
	}
	if answer.Get("template") == "" {
		return nil, exit(ExitFailed, errors.New("the browser came back without a choice"), "Run the command again and choose a service, or name it with --template: kubectl bind templates")
	}
	return &choice{template: answer.Get("template"), name: answer.Get("name")}, nil
}

// text of an error, or "".
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// decodeResponse reads what upstream's pages send: base64 in either alphabet.
func decodeResponse(raw string) (*install.Contract, error) {
	text := strings.NewReplacer("+", "-", "/", "_", " ", "-", "=", "").Replace(raw)
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, exit(ExitFailed, errors.New("what the browser came back with cannot be read"), "Run the command again, or choose without the browser: kubectl bind --template NAME")
	}
	response := &kubebindv1alpha2.BindingResourceResponse{}
	if err := json.Unmarshal(decoded, response); err != nil {
		return nil, exit(ExitFailed, fmt.Errorf("reading what the browser came back with: %w", err), "Run the command again, or choose without the browser: kubectl bind --template NAME")
	}
	return contractOf(response)
}
