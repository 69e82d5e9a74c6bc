// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/auth/issuer"
	backendhttp "kube-bind.io/kube-bind/backend/http"
	"kube-bind.io/kube-bind/backend/loop"
)

// Values of FrontDoor.OIDCType.
const (
	// OIDCExternal is an OpenID provider of one's own.
	OIDCExternal = "external"
	// OIDCEmbedded is the one that is built in, for development.
	OIDCEmbedded = "embedded"
)

// clientSecretEnv is where the client's secret comes from, so that it is in no argument.
const clientSecretEnv = "OIDC_CLIENT_SECRET"

// redisPasswordEnv is where the password of Redis comes from.
const redisPasswordEnv = "REDIS_PASSWORD"

// Names of the Secrets that replicas share, beside their Lease.
const (
	sessionKeysSecret   = "kube-bind-session-keys"
	endedSessionsSecret = "kube-bind-ended-sessions"
)

// FrontDoor says how the HTTP API and the sign-in are served.
type FrontDoor struct {
	// ListenAddress is where to serve. Default: 127.0.0.1:8080.
	ListenAddress string
	// CertFile and KeyFile are the server's certificate. Default: none, which is plain HTTP.
	CertFile, KeyFile string
	// OIDCType is OIDCExternal or OIDCEmbedded. Default: OIDCExternal.
	OIDCType string
	// IssuerURL is the OpenID provider.
	IssuerURL string
	// CallbackURL is where the OpenID provider sends people back to: https://<host>/api/callback. Its scheme and host are
	// where people find the backend.
	CallbackURL string
	// ClientID and ClientSecret are the backend's own at the OpenID provider. The embedded one makes them.
	ClientID, ClientSecret string
	// OIDCCAFile is the CA of the OpenID provider. Default: those of the system.
	OIDCCAFile string
	// Scopes, UsernameClaim and GroupsClaim are what the OpenID provider is asked for, and where it says who somebody is.
	Scopes []string
	// UsernameClaim is described at Scopes.
	UsernameClaim string
	// GroupsClaim is described at Scopes.
	GroupsClaim string
	// Prefixes are put before names of the OpenID provider. Default: "oidc:" each.
	Prefixes auth.Prefixes
	// AllowedUsers and AllowedGroups may bind every template, as the OpenID provider calls them. Others need RBAC.
	AllowedUsers, AllowedGroups []string
	// ApplyBinding takes kubeconfigs that people upload, and binds in their clusters. Default: false.
	ApplyBinding bool
	// RedisAddress is the Redis that ended sessions are kept in: host:port. Default: none, which is a Secret.
	RedisAddress string
	// RedisUsername and RedisPassword are for it.
	RedisUsername, RedisPassword string
	// RedisTLS speaks TLS with it.
	RedisTLS bool
	// InsecureEmbedded lets the embedded OpenID provider serve others than this machine.
	InsecureEmbedded bool
	// TokenExpiry is how long somebody stays signed in. Default: 1h.
	TokenExpiry time.Duration
	// KeyRotation is after how long sessions are sealed with a new key. Default: 24h.
	KeyRotation time.Duration

	origin *url.URL
	ca     []byte
}

func newFrontDoor() FrontDoor {
	return FrontDoor{
		ListenAddress: "127.0.0.1:8080",
		OIDCType:      OIDCExternal,
		Scopes:        []string{"openid", "profile", "email", "groups"},
		UsernameClaim: "sub",
		GroupsClaim:   "groups",
		Prefixes:      auth.Prefixes{Username: "oidc:", Groups: "oidc:"},
		TokenExpiry:   time.Hour,
		KeyRotation:   24 * time.Hour,
	}
}

func (f *FrontDoor) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&f.ListenAddress, "listen-address", f.ListenAddress, "Address of the HTTP API and the web page.")
	fs.StringVar(&f.CertFile, "tls-cert-file", f.CertFile, "Certificate of that server. Read anew when it changes. Without it, it speaks plain HTTP.")
	fs.StringVar(&f.KeyFile, "tls-key-file", f.KeyFile, "Key of that certificate.")
	fs.StringVar(&f.OIDCType, "oidc-type", f.OIDCType, "OpenID provider: "+list(oidcTypes())+". The embedded one is for development only.")
	fs.StringVar(&f.IssuerURL, "oidc-issuer-url", f.IssuerURL, "URL of the OpenID provider. That of the embedded one is the backend's with the path /oidc.")
	fs.StringVar(&f.CallbackURL, "oidc-callback-url", f.CallbackURL, "URL of the backend with the path /api/callback, as people's browsers see it.")
	fs.StringVar(&f.ClientID, "oidc-issuer-client-id", f.ClientID, "The backend's id at the OpenID provider. Its secret is taken from the environment: "+clientSecretEnv+".")
	fs.StringVar(&f.OIDCCAFile, "oidc-ca-file", f.OIDCCAFile, "File with the CA of the OpenID provider. Default: those of the system.")
	fs.StringSliceVar(&f.Scopes, "oidc-scopes", f.Scopes, "Scopes to ask the OpenID provider for.")
	fs.StringVar(&f.UsernameClaim, "oidc-username-claim", f.UsernameClaim, "Claim of the id_token that is the user's name for RBAC.")
	fs.StringVar(&f.GroupsClaim, "oidc-groups-claim", f.GroupsClaim, "Claim of the id_token that has the user's groups.")
	fs.StringVar(&f.Prefixes.Username, "oidc-username-prefix", f.Prefixes.Username, "Put before names of the OpenID provider for RBAC.")
	fs.StringVar(&f.Prefixes.Groups, "oidc-groups-prefix", f.Prefixes.Groups, "Put before groups of the OpenID provider for RBAC.")
	fs.StringSliceVar(&f.AllowedGroups, "oidc-allowed-groups", f.AllowedGroups, "Groups of the OpenID provider that may bind every template. Others need RBAC: the verb bind on apiserviceexporttemplates.")
	fs.StringSliceVar(&f.AllowedUsers, "oidc-allowed-users", f.AllowedUsers, "Users of the OpenID provider that may bind every template.")
	fs.BoolVar(&f.InsecureEmbedded, "oidc-embedded-insecure", f.InsecureEmbedded, "Let the embedded OpenID provider, with its well-known passwords, serve others than this machine.")
	fs.BoolVar(&f.ApplyBinding, "apply-binding", f.ApplyBinding, "Take kubeconfigs that people upload, and bind in their clusters. The backend then connects to servers that its users name.")
	fs.StringVar(&f.RedisAddress, "redis-addr", f.RedisAddress, "Redis to keep ended sessions in, for where many people sign out: host:port. Its password is taken from the environment: "+redisPasswordEnv+". Default: a Secret.")
	fs.StringVar(&f.RedisUsername, "redis-username", f.RedisUsername, "User at that Redis.")
	fs.BoolVar(&f.RedisTLS, "redis-tls", f.RedisTLS, "Speak TLS with that Redis.")
	fs.DurationVar(&f.TokenExpiry, "token-expiry", f.TokenExpiry, "How long somebody stays signed in.")
	fs.DurationVar(&f.KeyRotation, "session-key-rotation", f.KeyRotation, "After how long sessions are sealed with a new key.")
}

func oidcTypes() []string { return []string{OIDCExternal, OIDCEmbedded} }

// complete fills in what was left open.
func (f *FrontDoor) complete() error {
	f.OIDCType = canonical(f.OIDCType, oidcTypes())
	if callback, err := url.Parse(f.CallbackURL); err == nil {
		f.origin = &url.URL{Scheme: callback.Scheme, Host: callback.Host}
	}
	if secret := os.Getenv(clientSecretEnv); secret != "" {
		f.ClientSecret = secret
	}
	if password := os.Getenv(redisPasswordEnv); password != "" {
		f.RedisPassword = password
	}
	if f.OIDCCAFile != "" {
		raw, err := os.ReadFile(f.OIDCCAFile)
		if err != nil {
			return fmt.Errorf("reading --oidc-ca-file: %w", err)
		}
		f.ca = raw
	}
	if f.OIDCType != OIDCEmbedded {
		return nil
	}
	if f.IssuerURL == "" && f.origin != nil {
		f.IssuerURL = f.origin.String() + "/oidc"
	}
	if f.ClientID != "" || f.ClientSecret != "" {
		return fmt.Errorf("--oidc-type=%s: makes its own client; neither --oidc-issuer-client-id nor %s may be set", OIDCEmbedded, clientSecretEnv)
	}
	f.ClientID, f.ClientSecret = "kube-bind", rand.Text()
	if len(f.AllowedUsers)+len(f.AllowedGroups) == 0 {
		for _, u := range issuer.DefaultUsers() {
			f.AllowedUsers = append(f.AllowedUsers, u.Name)
		}
	}
	return nil
}

// validate returns everything that is wrong with completed options.
func (f *FrontDoor) validate() error {
	errs := []error{
		oneOf("oidc-type", f.OIDCType, oidcTypes()),
		f.validListener(),
		validURL("oidc-callback-url", f.CallbackURL, auth.CallbackPath),
		f.validIssuer(),
		f.validCA(),
		f.validPrefixes(),
		f.validRedis(),
	}
	if f.ClientID == "" {
		errs = append(errs, errors.New("--oidc-issuer-client-id: must not be empty"))
	}
	if !slices.Contains(f.Scopes, "openid") {
		errs = append(errs, fmt.Errorf("--oidc-scopes=%s: must have openid", list(f.Scopes)))
	}
	if f.TokenExpiry < time.Minute || f.TokenExpiry > 30*24*time.Hour {
		errs = append(errs, fmt.Errorf("--token-expiry=%s: must be between 1m and 720h", f.TokenExpiry))
	}
	if f.KeyRotation < 10*time.Minute {
		errs = append(errs, fmt.Errorf("--session-key-rotation=%s: must be at least 10m", f.KeyRotation))
	}
	return errors.Join(append(errs, notEmpty("oidc-username-claim", f.UsernameClaim), notEmpty("oidc-groups-claim", f.GroupsClaim))...)
}

// validListener also refuses what would send cookies in the clear: they are for https only if the callback is https.
func (f *FrontDoor) validListener() error {
	switch _, _, err := net.SplitHostPort(f.ListenAddress); {
	case err != nil:
		return fmt.Errorf("--listen-address=%q: must be host:port or :port; --frontend-disabled turns it off", f.ListenAddress)
	case (f.CertFile == "") != (f.KeyFile == ""):
		return errors.New("--tls-cert-file and --tls-key-file: both are needed, or none")
	case f.CertFile != "" && strings.HasPrefix(f.CallbackURL, "http:"):
		return fmt.Errorf("--oidc-callback-url=%q: must be https, as the server has a certificate", f.CallbackURL)
	}
	return nil
}

func validURL(flag, raw, path string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		path != "" && u.Path != path {
		return fmt.Errorf("--%s=%q: must be an http or https URL such as https://bind.example.com%s", flag, raw, path)
	}
	return nil
}

// validIssuer keeps the embedded issuer, whose passwords everybody knows, to this machine.
func (f *FrontDoor) validIssuer() error {
	if f.OIDCType != OIDCEmbedded {
		return validURL("oidc-issuer-url", f.IssuerURL, "")
	}
	if f.origin == nil || f.IssuerURL != f.origin.String()+"/oidc" {
		return fmt.Errorf("--oidc-issuer-url=%q: the embedded OpenID provider is at the backend's own URL, with the path /oidc", f.IssuerURL)
	}
	if f.InsecureEmbedded || loopbackAddress(f.ListenAddress) && auth.Loopback(f.origin.Hostname()) {
		return nil
	}
	return fmt.Errorf("--oidc-type=%s: is for development, everybody knows its passwords; --listen-address and --oidc-callback-url must be of this machine (127.0.0.1, ::1 or localhost), unless --oidc-embedded-insecure is given", OIDCEmbedded)
}

// validCA refuses an empty file too, which would stand for the CAs of the system.
func (f *FrontDoor) validCA() error {
	if f.OIDCCAFile != "" && !x509.NewCertPool().AppendCertsFromPEM(f.ca) {
		return fmt.Errorf("--oidc-ca-file=%q: holds no certificate in PEM", f.OIDCCAFile)
	}
	return nil
}

func loopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && auth.Loopback(host)
}

func (f *FrontDoor) validRedis() error {
	if f.RedisAddress == "" {
		if f.RedisUsername != "" || f.RedisPassword != "" || f.RedisTLS {
			return fmt.Errorf("--redis-addr: is needed for --redis-username, --redis-tls and %s", redisPasswordEnv)
		}
		return nil
	}
	if _, _, err := net.SplitHostPort(f.RedisAddress); err != nil {
		return fmt.Errorf("--redis-addr=%q: must be host:port", f.RedisAddress)
	}
	return nil
}

func (f *FrontDoor) validPrefixes() error {
	for flag, prefix := range map[string]string{"oidc-username-prefix": f.Prefixes.Username, "oidc-groups-prefix": f.Prefixes.Groups} {
		if strings.HasPrefix(prefix, "system:") {
			return fmt.Errorf("--%s=%q: names with it belong to Kubernetes itself", flag, prefix)
		}
	}
	return nil
}

// addRevocations returns where ended sessions are kept.
func addRevocations(local manager.Manager, opts Options) (auth.Revocations, error) {
	f := opts.FrontDoor
	if f.RedisAddress == "" {
		return auth.NewSecretRevocations(local.GetClient(), local.GetAPIReader(), types.NamespacedName{Namespace: opts.LeaseNamespace, Name: endedSessionsSecret}), nil
	}
	out := auth.NewRedisRevocations(auth.RedisOptions{Address: f.RedisAddress, Username: f.RedisUsername, Password: f.RedisPassword, TLS: f.RedisTLS})
	return out, local.Add(out)
}

// addFrontDoor has the manager serve the front door, on every replica.
func addFrontDoor(fleet loop.Fleet, opts Options) (*backendhttp.Door, error) {
	f, local := opts.FrontDoor, fleet.Manager.GetLocalManager()
	openID := auth.OpenID{
		Issuer: f.IssuerURL, ClientID: f.ClientID, ClientSecret: f.ClientSecret, CallbackURL: f.CallbackURL,
		Scopes: f.Scopes, UsernameClaim: f.UsernameClaim, GroupsClaim: f.GroupsClaim,
	}
	door := backendhttp.Options{
		Address: f.ListenAddress, CertFile: f.CertFile, KeyFile: f.KeyFile,
		Origin: f.origin, PrettyName: opts.PrettyName, Version: opts.Version, ApplyBinding: f.ApplyBinding, Logger: opts.Logger.WithName("http"),
	}
	if opts.tracing != nil {
		door.Tracer = opts.tracing.Tracer()
	}
	if f.OIDCType == OIDCEmbedded {
		embedded, err := issuer.New(issuer.Options{URL: f.IssuerURL, ClientID: f.ClientID, ClientSecret: f.ClientSecret, RedirectURI: f.CallbackURL})
		if err != nil {
			return nil, fmt.Errorf("making the embedded OpenID provider: %w", err)
		}
		door.Issuer, openID.Client = embedded, &http.Client{Transport: issuer.Transport(embedded)}
		opts.Logger.Info("DEVELOPMENT MODE: the embedded OpenID provider has passwords that everybody knows", "issuer", f.IssuerURL)
	} else {
		var err error
		if openID.Client, err = auth.ClientFor(f.ca); err != nil {
			return nil, fmt.Errorf("--oidc-ca-file: %w", err)
		}
	}
	keys := auth.NewKeys(local.GetClient(), local.GetAPIReader(), auth.KeyOptions{
		Secret:   types.NamespacedName{Namespace: opts.LeaseNamespace, Name: sessionKeysSecret},
		Rotation: f.KeyRotation, Lifetime: f.TokenExpiry,
	})
	ended, err := addRevocations(local, opts)
	if err != nil {
		return nil, err
	}
	signIn := auth.New(auth.Options{Origin: f.origin, OpenID: openID, Prefixes: f.Prefixes, Lifetime: f.TokenExpiry}, keys, ended)
	d, err := backendhttp.New(door, fleet, signIn, auth.NewAccess(f.Prefixes))
	if err != nil {
		return nil, err
	}
	return d, errors.Join(local.Add(d), local.AddReadyzCheck("front-door", d.Ready), fleet.Manager.Add(&allowance{topology: fleet.Provider, door: f}))
}
