// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/log"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/telemetry"
)

// Values of Options.Provider and Options.SchemaSource.
const (
	// ProviderKubernetes is the provider that is one plain cluster.
	ProviderKubernetes = "kubernetes"
	// ProviderKCP is the provider that is a kcp: each workspace that binds its APIExport kube-bind.io.
	ProviderKCP = "kcp"
	// SchemaSourceCRD takes schemas from labelled CRDs.
	SchemaSourceCRD = "CustomResourceDefinition.v1.apiextensions.k8s.io"
	// SchemaSourceKCP takes schemas from APIResourceSchemas of kcp.
	SchemaSourceKCP = "APIResourceSchema.v1alpha1.apis.kcp.io"
	// schemaSourceCRDAlias and schemaSourceKCPAlias are other ways to write them.
	schemaSourceCRDAlias = "customresourcedefinitions"
	schemaSourceKCPAlias = "apiresourceschemas"
)

// Options say how a backend runs. Start from NewOptions.
type Options struct {
	// Kubeconfig is the file to reach the provider's cluster with. Default: as kubectl finds it, or in-cluster.
	Kubeconfig string
	// Context is the context in the kubeconfig. Default: its current one.
	Context string
	// Config reaches the provider's cluster. Default: from Kubeconfig and Context.
	Config *rest.Config
	// Logger of everything in this backend. Default: none.
	Logger logr.Logger

	// NamespacePrefix starts the name of each contract namespace. Default: "cluster-".
	NamespacePrefix string
	// PrettyName is the provider's name for people. Default: "Backend".
	PrettyName string
	// ConsumerScope is how widely konnectors may watch. Default: Namespaced.
	ConsumerScope kubebindv1alpha2.InformerScope
	// Isolation is how objects of different consumers are kept apart. Default: Prefixed.
	Isolation kubebindv1alpha2.Isolation

	// ExternalAddress is the https URL at which consumers reach the API server. Default: that of Config.
	ExternalAddress string
	// ExternalCAFile is the file with the CA of the API server for consumers. Default: the CA of Config.
	ExternalCAFile string
	// ExternalServerName is the name in the API server's certificate. Default: the host of the address.
	ExternalServerName string

	// ConsumerTokenLifetime is how long the token in a consumer's kubeconfig is good; it is renewed after half of that. The API
	// server may make it shorter or longer. Between 10m and 8760h. Default: 24h.
	ConsumerTokenLifetime time.Duration
	// StaticConsumerTokens gives consumers tokens without expiry. Default: false.
	StaticConsumerTokens bool

	// FrontendDisabled turns off HTTP API and sign-in: consumers bind with BindableResourcesRequests. Default: false.
	FrontendDisabled bool
	// FrontDoor is how HTTP API and sign-in are served.
	FrontDoor FrontDoor
	// Version is the backend's, as clients are told. Default: v0.0.0.
	Version string
	// Provider is the kind of control plane. Default: ProviderKubernetes.
	Provider string
	// KCP says how a kcp is served. Of no use to other providers.
	KCP KCP
	// SchemaSource is where exported schemas come from. With kcp it may also be SchemaSourceKCP, and does not matter: a
	// workspace offers what it has. Default: SchemaSourceCRD.
	SchemaSource string
	// SchemaSyncInterval is how often exports are compared with their source even if no event came. At least 10s.
	// Default: 5m.
	SchemaSyncInterval time.Duration

	// ConsumerTimeout is after how long without a heartbeat a consumer is marked unhealthy. Default: 0, which is twice the
	// interval of its heartbeats.
	ConsumerTimeout time.Duration
	// RemoveSilentConsumersAfter is after how long without a heartbeat a consumer is removed, with all that it has.
	// Default: 0, which is never.
	RemoveSilentConsumersAfter time.Duration

	// InstallCRDs creates and updates kube-bind's own CRDs at start. Default: true.
	InstallCRDs bool
	// MetricsAddress serves /metrics. Default: "0", which is off.
	MetricsAddress string
	// HealthAddress serves /healthz and /readyz. Default: "0", which is off.
	HealthAddress string
	// OTLPEndpoint is the URL of an OpenTelemetry receiver (OTLP over HTTP) for traces. Default: what OTEL_EXPORTER_OTLP_ENDPOINT
	// and the like say; without them there are no traces.
	OTLPEndpoint string
	// LeaderElect lets one replica work at a time. Default: true.
	LeaderElect bool
	// LeaseName is the name of the Lease of that replica, or what those of replicas that share begin with. Default: "kube-bind-backend".
	LeaseName string
	// LeaseNamespace is the namespace of the Lease. Default: that of the pod, or else "default".
	LeaseNamespace string

	// externalCA is the content of ExternalCAFile.
	externalCA []byte
	// tracing makes spans, if that is wanted.
	tracing *telemetry.Tracing
}

// NewOptions returns the defaults.
func NewOptions() Options {
	return Options{
		NamespacePrefix:       "cluster-",
		PrettyName:            "Backend",
		ConsumerScope:         kubebindv1alpha2.NamespacedScope,
		Isolation:             kubebindv1alpha2.IsolationPrefixed,
		ConsumerTokenLifetime: 24 * time.Hour,
		FrontDoor:             newFrontDoor(),
		Version:               "v0.0.0",
		Provider:              ProviderKubernetes,
		KCP:                   newKCP(),
		SchemaSource:          SchemaSourceCRD,
		SchemaSyncInterval:    5 * time.Minute,
		InstallCRDs:           true,
		MetricsAddress:        off,
		HealthAddress:         off,
		LeaderElect:           true,
		LeaseName:             "kube-bind-backend",
	}
}

// off is the address of a server that is not wanted.
const off = "0"

// AddFlags adds a flag for each option that a user has.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "Kubeconfig of the provider's cluster. Default: as kubectl finds it, or in-cluster.")
	fs.StringVar(&o.Context, "context", o.Context, "Context in the kubeconfig. Default: the current one.")
	fs.StringVar(&o.NamespacePrefix, "namespace-prefix", o.NamespacePrefix, "Start of the name of each consumer's contract namespace; ends with '-'.")
	fs.StringVar(&o.PrettyName, "pretty-name", o.PrettyName, "Name of the provider for people.")
	fs.StringVar((*string)(&o.ConsumerScope), "consumer-scope", string(o.ConsumerScope), "How widely consumers may watch: "+list(scopes())+".")
	fs.StringVar((*string)(&o.Isolation), "isolation", string(o.Isolation), "How objects of different consumers are kept apart: "+list(isolations())+".")
	fs.StringVar((*string)(&o.Isolation), "cluster-scoped-isolation", string(o.Isolation), "Older name of --isolation.")
	_ = fs.MarkDeprecated("cluster-scoped-isolation", "use --isolation")
	fs.StringVar(&o.ExternalAddress, "external-address", o.ExternalAddress, "URL (https) at which consumers reach the API server. Default: as the backend does.")
	fs.StringVar(&o.ExternalCAFile, "external-ca-file", o.ExternalCAFile, "File with the CA of the API server, for consumers. Default: the backend's own.")
	fs.StringVar(&o.ExternalServerName, "external-server-name", o.ExternalServerName, "Name in the certificate of the API server, if it is not the host of the address.")
	fs.DurationVar(&o.ConsumerTokenLifetime, "consumer-token-lifetime", o.ConsumerTokenLifetime,
		"How long the token in a consumer's kubeconfig is good, 10m to 8760h. It is renewed after half of that; a konnector that is away for longer has to bind again.")
	fs.BoolVar(&o.StaticConsumerTokens, "static-consumer-tokens", o.StaticConsumerTokens, "Give consumers tokens without expiry, instead.")
	fs.BoolVar(&o.FrontendDisabled, "frontend-disabled", o.FrontendDisabled, "Run without HTTP API and sign-in; consumers bind with BindableResourcesRequests.")
	o.FrontDoor.addFlags(fs)
	fs.StringVar(&o.Provider, "provider", o.Provider, "Kind of control plane: "+list(kinds())+".")
	fs.StringVar(&o.Provider, "multicluster-runtime-provider", o.Provider, "Another name of --provider.")
	o.KCP.addFlags(fs)
	fs.StringVar(&o.SchemaSource, "schema-source", o.SchemaSource, "Where exported schemas come from: "+list(schemaSources())+".")
	fs.DurationVar(&o.SchemaSyncInterval, "schema-sync-interval", o.SchemaSyncInterval, "How often exports are compared with their source even if no event came; at least 10s.")
	fs.DurationVar(&o.ConsumerTimeout, "consumer-timeout", o.ConsumerTimeout, "After how long without a heartbeat a consumer is marked unhealthy. 0: twice the interval of its heartbeats.")
	fs.DurationVar(&o.RemoveSilentConsumersAfter, "remove-silent-consumers-after", o.RemoveSilentConsumersAfter,
		"After how long without a heartbeat a consumer is removed, with all that it has at the provider; at least 1h and --consumer-timeout. 0: never.")
	fs.BoolVar(&o.InstallCRDs, "install-crds", o.InstallCRDs, "Create and update kube-bind's own CRDs at start.")
	fs.StringVar(&o.MetricsAddress, "metrics-address", o.MetricsAddress, "Address for /metrics; 0 is off.")
	fs.StringVar(&o.HealthAddress, "health-address", o.HealthAddress, "Address for /healthz and /readyz; 0 is off.")
	fs.StringVar(&o.OTLPEndpoint, "otlp-endpoint", o.OTLPEndpoint, "URL of an OpenTelemetry receiver (OTLP over HTTP) for traces of HTTP requests and the API calls made for them, such as http://127.0.0.1:4318. Default: the environment's OTEL_EXPORTER_OTLP_ENDPOINT, or else no traces.")
	fs.BoolVar(&o.LeaderElect, "leader-elect", o.LeaderElect, "Let one replica work at a time.")
	fs.StringVar(&o.LeaseName, "lease-name", o.LeaseName, "Name of the Lease of the working replica; with --share-workspaces what the names of Leases begin with.")
	fs.StringVar(&o.LeaseNamespace, "lease-namespace", o.LeaseNamespace, "Namespace of that Lease. Default: that of the pod, or else default.")
}

// namespaceFile holds the namespace of a pod.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Complete fills in what was left open, and writes values the way they are meant. It fails if a file cannot be read.
func (o *Options) Complete() error {
	o.ConsumerScope = canonical(o.ConsumerScope, scopes())
	o.Isolation = canonical(o.Isolation, isolations())
	o.Provider = canonical(o.Provider, kinds())
	if o.Provider == "" {
		o.Provider = ProviderKubernetes
	}
	switch o.SchemaSource = canonical(o.SchemaSource, schemaSources()); o.SchemaSource {
	case schemaSourceCRDAlias:
		o.SchemaSource = SchemaSourceCRD
	case schemaSourceKCPAlias:
		o.SchemaSource = SchemaSourceKCP
	}
	o.completeKCP()
	if o.LeaseNamespace == "" {
		o.LeaseNamespace = "default"
		if raw, err := os.ReadFile(namespaceFile); err == nil {
			o.LeaseNamespace = strings.TrimSpace(string(raw))
		}
	}
	if o.ExternalCAFile != "" {
		raw, err := os.ReadFile(o.ExternalCAFile)
		if err != nil {
			return fmt.Errorf("reading --external-ca-file: %w", err)
		}
		o.externalCA = raw
	}
	if o.Logger.GetSink() == nil {
		o.Logger = logr.New(log.NullLogSink{})
	}
	if !o.FrontendDisabled {
		if err := o.FrontDoor.complete(); err != nil {
			return err
		}
	}
	return o.completeConfig()
}

func (o *Options) completeConfig() error {
	if o.Config == nil {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		rules.ExplicitPath = o.Kubeconfig
		cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
			&clientcmd.ConfigOverrides{CurrentContext: o.Context}).ClientConfig()
		if err != nil {
			return fmt.Errorf("reading the kubeconfig: %w", err)
		}
		o.Config = cfg
	}
	o.Config = rest.CopyConfig(o.Config)
	// The API server's priority and fairness is the limiter.
	o.Config.QPS = -1
	o.completeTracing()
	return nil
}

// completeTracing has API calls traced, if that is wanted.
func (o *Options) completeTracing() {
	fromEnv := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if o.OTLPEndpoint == "" && fromEnv == "" {
		return
	}
	o.tracing = telemetry.NewTracing(telemetry.TracingOptions{
		Endpoint: o.OTLPEndpoint, Service: "kube-bind-backend", Version: o.Version, Logger: o.Logger.WithName("traces"),
	})
	o.Config.Wrap(o.tracing.Transport)
}

func scopes() []kubebindv1alpha2.InformerScope {
	return []kubebindv1alpha2.InformerScope{kubebindv1alpha2.NamespacedScope, kubebindv1alpha2.ClusterScope}
}

func isolations() []kubebindv1alpha2.Isolation {
	return []kubebindv1alpha2.Isolation{kubebindv1alpha2.IsolationPrefixed, kubebindv1alpha2.IsolationNamespaced, kubebindv1alpha2.IsolationNone}
}

func kinds() []string { return []string{ProviderKubernetes, ProviderKCP} }

func schemaSources() []string {
	return []string{SchemaSourceCRD, schemaSourceCRDAlias, SchemaSourceKCP, schemaSourceKCPAlias}
}

// canonical returns the one of the good values that differs from value only by case, or else value.
func canonical[S ~string](value S, good []S) S {
	for _, g := range good {
		if strings.EqualFold(string(g), string(value)) {
			return g
		}
	}
	return value
}

func list[S ~string](values []S) string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, string(v))
	}
	return strings.Join(out, ", ")
}
