// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// minSilence keeps a short outage from being the end of a consumer.
	minSilence = time.Hour
	// minSchemaSyncInterval keeps the safety net from being the load.
	minSchemaSyncInterval = 10 * time.Second
	// minTokenLifetime is the least that API servers make, and half of it is enough for a konnector to take a token over.
	minTokenLifetime = 10 * time.Minute
	// maxTokenLifetime keeps tokens that expire from being ones that do not.
	maxTokenLifetime = 365 * 24 * time.Hour
	// maxPrefix leaves room for 13 characters of an identity's hash, a dash, and a name of some use.
	maxPrefix = 32
	// kubernetesPrefix starts names that Kubernetes keeps for itself.
	kubernetesPrefix = "kube-"
)

// Validate returns everything that is wrong with completed options, and for a value of a few the good ones.
func (o *Options) Validate() error {
	return errors.Join(
		oneOf("consumer-scope", o.ConsumerScope, scopes()),
		oneOf("isolation", o.Isolation, isolations()),
		oneOf("provider", o.Provider, kinds()),
		o.validKCP(),
		oneOf("schema-source", o.SchemaSource, schemaSources()),
		validPrefix(o.NamespacePrefix),
		notEmpty("pretty-name", o.PrettyName),
		validExternalAddress(o.ExternalAddress),
		o.validExternalCA(),
		validServerName(o.ExternalServerName),
		o.validTokenLifetime(),
		o.validSyncInterval(), o.validSilence(),
		validAddress("metrics-address", o.MetricsAddress),
		o.validOTLP(),
		validAddress("health-address", o.HealthAddress),
		o.validLease(),
		o.validFrontend(),
	)
}

func oneOf[S ~string](flag string, value S, good []S) error {
	if slices.Contains(good, value) {
		return nil
	}
	return fmt.Errorf("--%s=%q: must be one of %s", flag, string(value), list(good))
}

func notEmpty(flag, value string) error {
	if strings.TrimSpace(value) == "" {
		return fmt.Errorf("--%s: must not be empty", flag)
	}
	return nil
}

// validPrefix wants a dash at the end, so that what follows in a name is the whole hash of an identity, and refuses
// "kube-", with which places would look like namespaces of Kubernetes.
func validPrefix(prefix string) error {
	switch {
	case !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?-$`).MatchString(prefix):
		return fmt.Errorf("--namespace-prefix=%q: must be lower-case letters, digits and dashes, start with a letter or digit, and end with a single '-', such as cluster- or kube-bind-", prefix)
	case len(prefix) > maxPrefix:
		return fmt.Errorf("--namespace-prefix=%q: must have at most %d characters", prefix, maxPrefix)
	case prefix == kubernetesPrefix:
		return fmt.Errorf("--namespace-prefix=%q: is kept for Kubernetes itself", prefix)
	}
	return nil
}

func validExternalAddress(address string) error {
	if address == "" {
		return nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return fmt.Errorf("--external-address=%q: must be an https URL, such as https://api.example.com:6443", address)
	}
	return nil
}

func (o *Options) validExternalCA() error {
	if o.ExternalCAFile != "" && !x509.NewCertPool().AppendCertsFromPEM(o.externalCA) {
		return fmt.Errorf("--external-ca-file=%q: holds no certificate in PEM", o.ExternalCAFile)
	}
	return nil
}

func validServerName(name string) error {
	if name == "" || net.ParseIP(name) != nil || len(validation.IsDNS1123Subdomain(name)) == 0 {
		return nil
	}
	return fmt.Errorf("--external-server-name=%q: must be a host name or an IP address", name)
}

func (o *Options) validTokenLifetime() error {
	if o.ConsumerTokenLifetime < minTokenLifetime || o.ConsumerTokenLifetime > maxTokenLifetime {
		return fmt.Errorf("--consumer-token-lifetime=%s: must be between 10m and 8760h; for tokens without expiry say --static-consumer-tokens", o.ConsumerTokenLifetime)
	}
	return nil
}

func (o *Options) validSyncInterval() error {
	if o.SchemaSyncInterval < minSchemaSyncInterval {
		return fmt.Errorf("--schema-sync-interval=%s: must be at least %s", o.SchemaSyncInterval, minSchemaSyncInterval)
	}
	return nil
}

func (o *Options) validSilence() error {
	switch {
	case o.ConsumerTimeout < 0:
		return fmt.Errorf("--consumer-timeout=%s: must not be negative", o.ConsumerTimeout)
	case o.RemoveSilentConsumersAfter != 0 && o.RemoveSilentConsumersAfter < max(minSilence, o.ConsumerTimeout):
		return fmt.Errorf("--remove-silent-consumers-after=%s: must be 0, which is never, or at least %s and --consumer-timeout", o.RemoveSilentConsumersAfter, minSilence)
	}
	return nil
}

func validAddress(flag, address string) error {
	if address == off {
		return nil
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("--%s=%q: must be host:port, :port, or 0 for off", flag, address)
	}
	return nil
}

func (o *Options) validOTLP() error {
	if o.OTLPEndpoint == "" {
		return nil
	}
	return validURL("otlp-endpoint", o.OTLPEndpoint, "")
}

func (o *Options) validLease() error {
	if !o.LeaderElect && !o.KCP.Share {
		return nil
	}
	var errs []error
	if problems := validation.IsValidLabelValue(o.LeaseName); o.KCP.Share && len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--lease-name=%q: with --share-workspaces it is a label, too: %s", o.LeaseName, strings.Join(problems, "; ")))
	}
	if problems := validation.IsDNS1123Subdomain(o.LeaseName); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--lease-name=%q: %s", o.LeaseName, strings.Join(problems, "; ")))
	}
	if problems := validation.IsDNS1123Label(o.LeaseNamespace); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--lease-namespace=%q: %s", o.LeaseNamespace, strings.Join(problems, "; ")))
	}
	return errors.Join(errs...)
}

func (o *Options) validFrontend() error {
	if o.FrontendDisabled {
		return nil
	}
	return o.FrontDoor.validate()
}
