// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/reply"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
	"kube-bind.io/kube-bind/kubeconfig"
	"kube-bind.io/kube-bind/providers"
)

const (
	// applyTimeout is how long writing into somebody's cluster may take.
	applyTimeout = 60 * time.Second
	// dialTimeout is how long that cluster may take to answer at all.
	dialTimeout = 10 * time.Second
	// maxAnswer is how long an answer of that cluster may be. None of what is asked for is nearly as long.
	maxAnswer = 8 << 20
	// maxAliases is how many host aliases there may be.
	maxAliases = 16
)

// applyRequest is upstream's.
type applyRequest struct {
	ConsumerKubeconfig []byte   `json:"consumerKubeconfig"`
	BindingName        string   `json:"bindingName"`
	HostAliases        []string `json:"hostAliases"`
}

// applied is upstream's answer.
type applied struct {
	KonnectorDeployed bool   `json:"konnectorDeployed"`
	BundleCreated     bool   `json:"bundleCreated"`
	Message           string `json:"message"`
}

// applyBinding binds, in the cluster of an uploaded kubeconfig, all that whoever is signed in has bound here.
func (d *Door) applyBinding(w http.ResponseWriter, r *http.Request, v visit) error {
	var request applyRequest
	if err := reply.Decode(r, &request); err != nil {
		return err
	}
	if err := d.bindThere(r.Context(), v, &request); err != nil {
		return err
	}
	reply.JSON(w, r, applied{KonnectorDeployed: true, BundleCreated: true, Message: "The konnector is deployed, and binds all that you have bound."})
	return nil
}

// bindThere takes from a kubeconfig where a cluster is and who asks there, and nothing else; it is not kept.
func (d *Door) bindThere(ctx context.Context, v visit, request *applyRequest) error {
	if !d.opts.ApplyBinding {
		return forbidden("The provider does not take kubeconfigs; use kubectl bind, or apply the manifest yourself.")
	}
	credential, aliases, err := request.parse()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	contract, err := d.contractOf(ctx, v)
	if err != nil {
		return err
	}
	consumer, err := d.consumerClient(credential)
	if err != nil {
		return err
	}
	// What follows waits for what passes. Whose cluster does not answer at all is told so at once.
	if _, err := consumer.RESTMapper().RESTMapping(corev1.SchemeGroupVersion.WithKind("Namespace").GroupKind()); err != nil {
		return consumerError(err)
	}
	options := konnector.Options{Version: d.opts.Version, HostAliases: aliases}
	if err := applyTo(ctx, consumer, contract, request.BindingName, options); err != nil {
		return consumerError(err)
	}
	return nil
}

// parse refuses what the backend would do for others: run programs, read files, or send requests by proxies (SEC-1).
func (a *applyRequest) parse() (*kubeconfig.Credential, []corev1.HostAlias, error) {
	if problems := validation.IsDNS1123Subdomain(a.BindingName); len(problems) > 0 {
		return nil, nil, badRequest("bindingName %q: %s", a.BindingName, strings.Join(problems, "; "))
	}
	credential, err := kubeconfig.Parse(a.ConsumerKubeconfig)
	if err != nil {
		return nil, nil, badRequest("The kubeconfig is refused: %s", err)
	}
	aliases, err := parseAliases(a.HostAliases)
	return credential, aliases, err
}

// parseAliases reads IP:name,name with addresses of both kinds: an IPv6 one is in brackets.
func parseAliases(texts []string) ([]corev1.HostAlias, error) {
	if len(texts) > maxAliases {
		return nil, badRequest("there are more than %d host aliases", maxAliases)
	}
	var out []corev1.HostAlias
	for _, text := range texts {
		i := strings.LastIndex(text, ":")
		if i < 0 {
			return nil, badRequest("hostAliases: %q must be IP:name,name", text)
		}
		ip, err := netip.ParseAddr(strings.Trim(text[:i], "[]"))
		if err != nil {
			return nil, badRequest("hostAliases: %q does not begin with an IP address", text)
		}
		alias := corev1.HostAlias{IP: ip.String()}
		for _, name := range strings.Split(text[i+1:], ",") {
			if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
				return nil, badRequest("hostAliases: %q is no host name", name)
			}
			alias.Hostnames = append(alias.Hostnames, name)
		}
		out = append(out, alias)
	}
	return out, nil
}

// contractOf is what whoever is signed in has bound under their own name: with a manifest, or in the browser. No place is made.
func (d *Door) contractOf(ctx context.Context, v visit) (*install.Contract, error) {
	nothing := badRequest("You have bound nothing yet; bind a template first.")
	places, err := d.placesOf(ctx, v)
	if err != nil {
		return nil, err
	}
	own := slices.IndexFunc(places, func(p place) bool { return p.identity() == ownIdentity(v) })
	if own < 0 {
		return nil, nothing
	}
	place, err := d.fleet.Provider.Repair(ctx, providers.Place{Cluster: places[own].scope.Cluster, Namespace: places[own].binding.Namespace})
	if apierrors.IsNotFound(err) {
		return nil, nothing
	}
	if err != nil {
		return nil, fmt.Errorf("reading the credential of the place: %w", err)
	}
	contract, err := install.Read(place.Kubeconfig)
	if err != nil {
		return nil, err
	}
	exports, err := places[own].exports(ctx)
	if err != nil {
		return nil, err
	}
	for i := range exports {
		request := kubebindv1alpha2.APIServiceExportRequest{}
		request.Name = exports[i].Name
		request.Spec.Resources, request.Spec.PermissionClaims = exports[i].Spec.Resources, exports[i].Spec.PermissionClaims
		contract.Requests = append(contract.Requests, request)
	}
	if len(contract.Requests) == 0 {
		return nil, nothing
	}
	return contract, nil
}

// consumerClient is a client of somebody's cluster. It does not reach what is only reachable from here: see reachable.
func (d *Door) consumerClient(credential *kubeconfig.Credential) (client.Client, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), kubebindv1alpha2.AddToScheme(scheme))
	if err != nil {
		return nil, fmt.Errorf("preparing a client: %w", err)
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Control: reachable(auth.Loopback(d.opts.Origin.Hostname()))}
	cfg := credential.Config
	cfg.Dial, cfg.Timeout = dialer.DialContext, applyTimeout
	cfg.UserAgent = "kube-bind-backend/" + d.opts.Version
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return wary{next} })
	out, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, consumerError(err)
	}
	return out, nil
}

// wary does not do all that a cluster says, as anybody may be at the other end. It reads no more of an answer than maxAnswer: it could go
// on until memory is full. And it follows no redirect, which no API server has: the server is https, which its certificate proves, and what
// it sends to might not be.
type wary struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w wary) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusMultipleChoices && response.StatusCode < http.StatusBadRequest {
		return nil, errors.Join(errElsewhere, response.Body.Close())
	}
	response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	return response, nil
}

// errUnreachable is a connection that is not made for others.
var errUnreachable = errors.New("this address is not for clusters of consumers")

// errElsewhere is an answer that sends to another address.
var errElsewhere = errors.New("what answers is no API server: it sends to another address")

// metadata are addresses, besides link-local ones, at which clouds tell a machine its credentials: of Amazon, Google, Microsoft, Alibaba and
// Oracle.
func metadata() []string {
	return []string{"fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192"}
}

// reachable refuses connections to this machine, unless the backend itself serves only it, and to what is never a cluster: most
// metadata services of clouds are link-local, and the others are known.
func reachable(local bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return errUnreachable
		}
		ip := at.Addr().Unmap()
		if ip.IsLoopback() && local {
			return nil
		}
		if ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || slices.Contains(metadata(), ip.WithZone("").String()) {
			return errUnreachable
		}
		return nil
	}
}

// applyTo writes into the consumer: the konnector, the credential, and a bundle of all that is exported.
func applyTo(ctx context.Context, consumer client.Client, contract *install.Contract, name string, options konnector.Options) error {
	definitions, err := crds.Consumer()
	if err != nil {
		return fmt.Errorf("reading kube-bind's CRDs: %w", err)
	}
	if err := crds.Install(ctx, consumer, definitions); err != nil {
		return err
	}
	installer := &install.Installer{Client: consumer, Owner: "kube-bind-backend", Konnector: options, Say: func(string, ...any) {}}
	if err := installer.Install(ctx, contract); err != nil {
		return err
	}
	bundle := &kubebindv1alpha2.APIServiceBindingBundle{ObjectMeta: metav1.ObjectMeta{Name: name}}
	bundle.Spec.KubeconfigSecretRef = contract.SecretRef()
	err = consumer.Create(ctx, bundle, installer.Owner)
	if apierrors.IsAlreadyExists(err) {
		have := &kubebindv1alpha2.APIServiceBindingBundle{}
		if err := consumer.Get(ctx, client.ObjectKeyFromObject(bundle), have); err != nil {
			return fmt.Errorf("reading the bundle %s: %w", name, err)
		}
		if have.Spec.KubeconfigSecretRef != bundle.Spec.KubeconfigSecretRef {
			return &install.ForeignError{Message: fmt.Sprintf("there is an APIServiceBindingBundle %s already, of another provider; choose another name", name)}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("making the bundle %s: %w", name, err)
	}
	return nil
}

// consumerError says what is wrong with somebody's cluster: that is no failure of the provider's. What the other end answered is
// not passed on unless it is an API server's refusal: it need not be a cluster.
func consumerError(err error) error {
	if foreign, ok := errors.AsType[*install.ForeignError](err); ok {
		return badRequest("In your cluster, %s.", foreign.Message)
	}
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsInvalid(err) {
		return badRequest("Your cluster refuses: %s", apierrors.ReasonForError(err))
	}
	if errors.Is(err, errUnreachable) {
		return badRequest("The kubeconfig's server is an address that the provider does not connect to.")
	}
	if errors.Is(err, errElsewhere) {
		return badRequest("The kubeconfig's server sends to another address, which the provider does not follow.")
	}
	return &kubebindv1alpha2.Error{
		Code: kubebindv1alpha2.ErrorCodeClusterConnectionFailed, Message: "Your cluster cannot be reached from the provider, or does not answer as one. Use kubectl bind, or apply the manifest yourself.",
	}
}
