// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// examples are the files with values of a chart, and nil for its defaults.
func examples(t *testing.T, chart string) map[string]map[string]any {
	t.Helper()
	dir, err := Dir(t.Context(), chart)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "examples", "*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("the examples of the chart %s are %v: %v", chart, files, err)
	}
	out := map[string]map[string]any{"defaults": nil}
	for _, file := range files {
		out[strings.TrimSuffix(filepath.Base(file), ".yaml")] = values(t, read(t, file))
	}
	return out
}

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// values reads values, of which some may be meant for no chart.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return out
}

// rendered is a chart with values, in the namespace that the konnector needs.
func rendered(t *testing.T, chart string, values map[string]any) *Installation {
	t.Helper()
	r := Release{Chart: chart, Name: "kube-bind", Namespace: "kube-bind", Values: values}
	out, err := r.Render(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func containerOf(t *testing.T, i *Installation) corev1.Container {
	t.Helper()
	deployment, err := i.Deployment()
	if err != nil {
		t.Fatal(err)
	}
	return deployment.Spec.Template.Spec.Containers[0]
}

// Values that are wrong are refused before anything is installed, and the message says which.
func TestBadValues(t *testing.T) {
	const external = "{backend: {oidc: {issuerUrl: 'https://login', callbackUrl: 'https://bind/api/callback', clientId: x}}, "
	for name, tc := range map[string]struct{ chart, values, want string }{
		"a typo in the isolation":             {Backend, "backend: {isolation: prefix}", "/backend/isolation"},
		"an unknown key":                      {Backend, "backend: {clusterScopeIsolation: prefixed}", "clusterScopeIsolation"},
		"an unknown key at the top":           {Backend, "replicas: 2", "replicas"},
		"a scope":                             {Backend, "backend: {consumerScope: Everything}", "/backend/consumerScope"},
		"a provider":                          {Backend, "backend: {provider: eks}", "/backend/provider"},
		"an external address without https":   {Backend, "backend: {externalAddress: 'api:6443'}", "/backend/externalAddress"},
		"a callback that is none":             {Backend, "backend: {oidc: {callbackUrl: 'https://bind.example.com/callback'}}", "/backend/oidc/callbackUrl"},
		"a duration":                          {Backend, "backend: {tokenExpiry: 1 hour}", "/backend/tokenExpiry"},
		"a number as text":                    {Backend, "replicaCount: two", "/replicaCount"},
		"kcp without a kubeconfig":            {Backend, "backend: {provider: kcp}", "kubeconfigSecretName"},
		"replicas without election":           {Backend, "backend: {leaderElect: false}", "replicaCount must be 1"},
		"shares of a plain cluster":           {Backend, "backend: {shareWorkspaces: true}", "provider must be kcp"},
		"an OpenID provider without a client": {Backend, "backend: {oidc: {issuerUrl: 'https://login', callbackUrl: 'https://bind/api/callback'}}", "clientId must be set"},
		"the embedded one with a client":      {Backend, "backend: {oidc: {type: embedded, clientId: x}}", "must be empty"},
		"the embedded one, on two replicas":   {Backend, "backend: {oidc: {type: embedded, embeddedInsecure: true}}", "set replicaCount to 1"},
		"the embedded one, scaled":            {Backend, "{replicaCount: 1, autoscaling: {enabled: true}, backend: {oidc: {type: embedded, embeddedInsecure: true}}}", "autoscaling.enabled to false"},
		"an Ingress to nobody":                {Backend, "ingress: {enabled: true, hosts: [bind]}", "Ingress and Gateway need"},
		"an Ingress to the loopback":          {Backend, "{backend: {oidc: {type: embedded}}, ingress: {enabled: true, hosts: [bind]}}", "Ingress and Gateway need"},
		"TLS without a certificate":           {Backend, "backend: {tls: {enabled: true}}", "certSecretName or"},
		"cert-manager without an issuer":      {Backend, external + "certManager: {enabled: true, dnsNames: [bind]}}", "clusterIssuer must be set"},
		"cert-manager without names":          {Backend, external + "certManager: {enabled: true, clusterIssuer: x}}", "no host names"},
		"two names for one certificate": {Backend, "{backend: {tls: {enabled: true, certSecretName: a}, oidc: {issuerUrl: 'https://login', callbackUrl: 'https://bind/api/callback', clientId: x}}, " +
			"ingress: {enabled: true, hosts: [bind], tlsSecretName: b}, certManager: {enabled: true, clusterIssuer: x}}", "certManager makes one certificate"},
		"a Gateway of no class":                        {Backend, external + "gatewayApi: {enabled: true}}", "className or"},
		"workers":                                      {Konnector, "konnector: {workers: 0}", "/konnector/workers"},
		"an identity":                                  {Konnector, "konnector: {clusterIdentityNamespace: Kube_System}", "/konnector/clusterIdentityNamespace"},
		"a right of another kind":                      {Konnector, "rbac: {resources: [{group: x, resources: [y], verbs: [get]}]}", "/rbac/resources/0"},
		"a right on all groups":                        {Konnector, "rbac: {resources: [{group: '*', resources: [x]}]}", "/rbac/resources/0/group"},
		"a claim of all groups":                        {Konnector, "rbac: {claims: [{group: '*', resources: [x]}]}", "/rbac/claims/0/group"},
		"a right on Kubernetes' own":                   {Konnector, "rbac: {resources: [{group: '', resources: ['*']}]}", "/rbac/resources/0/resources/0"},
		"a claim of Kubernetes' own":                   {Konnector, "rbac: {claims: [{group: '', resources: [secrets, '*']}]}", "/rbac/claims/0/resources/1"},
		"a right on subresources":                      {Konnector, "rbac: {resources: [{group: x, resources: ['*/status']}]}", "/rbac/resources/0/resources/0"},
		"the konnector's budget":                       {Konnector, "podDisruptionBudget: {maxUnavailable: half}", "/podDisruptionBudget/maxUnavailable"},
		"an export of all groups":                      {Backend, "rbac: {exports: [{group: '*', resources: [x]}]}", "/rbac/exports/0/group"},
		"a claim of all groups of the provider's":      {Backend, "rbac: {claims: [{group: '*', resources: [x]}]}", "/rbac/claims/0/group"},
		"an export of Kubernetes' own":                 {Backend, "rbac: {exports: [{group: '', resources: ['*']}]}", "/rbac/exports/0/resources/0"},
		"a claim of Kubernetes' own of the provider's": {Backend, "rbac: {claims: [{group: '', resources: ['*']}]}", "/rbac/claims/0/resources/0"},
		"a budget":                                     {Backend, "podDisruptionBudget: {maxUnavailable: half}", "/podDisruptionBudget/maxUnavailable"},
		"a budget of more than all":                    {Backend, "podDisruptionBudget: {maxUnavailable: 101%}", "/podDisruptionBudget/maxUnavailable"},
		"a budget below nothing":                       {Backend, "podDisruptionBudget: {maxUnavailable: -1}", "/podDisruptionBudget/maxUnavailable"},
		"a port that there is not":                     {Backend, "backend: {listenAddress: ':99999'}", "/backend/listenAddress"},
		"no port at all":                               {Backend, "backend: {listenAddress: ':0'}", "/backend/listenAddress"},
		"an address without brackets":                  {Backend, "backend: {listenAddress: '::1:8080'}", "/backend/listenAddress"},
		"a Redis that there is not":                    {Backend, "backend: {sessionStorage: {redisAddress: 'redis:65536'}}", "/backend/sessionStorage/redisAddress"},
		"Kubernetes' own users":                        {Backend, "backend: {oidc: {usernamePrefix: 'system:'}}", "/backend/oidc/usernamePrefix"},
		"Kubernetes' own groups":                       {Backend, "backend: {oidc: {groupsPrefix: 'system:x:'}}", "/backend/oidc/groupsPrefix"},
		"an Ingress without hosts":                     {Backend, external + "ingress: {enabled: true}}", "ingress.hosts must"},
		"TLS and an http callback":                     {Backend, "backend: {tls: {enabled: true, certSecretName: x}, oidc: {issuerUrl: 'https://login', callbackUrl: 'http://bind/api/callback', clientId: x}}", "callbackUrl must begin with https"},
		"TLS with no Redis":                            {Backend, "backend: {sessionStorage: {redisTLS: true}}", "without redisAddress"},
		"a user of no Redis":                           {Backend, "backend: {sessionStorage: {redisUsername: x}}", "without redisAddress"},
		"a password of no Redis":                       {Backend, "backend: {sessionStorage: {redisPasswordSecretName: x}}", "without redisAddress"},
		"one port for two":                             {Backend, "{backend: {healthPort: 9000}, metrics: {port: 9000}}", "must be of different ports"},
		"one port for two, of which one is the page's": {Backend, external + "metrics: {port: 8080}}", "must be of different ports"},
		"a scale upside down":                          {Backend, "autoscaling: {enabled: true, minReplicas: 6}", "maxReplicas must be"},
		"a monitor of no metrics":                      {Backend, "{metrics: {enabled: false}, serviceMonitor: {enabled: true}}", "metrics.enabled must"},
		"an unknown key of the konnector":              {Konnector, "backend: {}", "backend"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Release{Chart: tc.chart, Name: "kube-bind", Namespace: "kube-bind", Values: values(t, tc.values)}
			if _, err := r.Render(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
	r := Release{Chart: Konnector, Name: "konnector", Namespace: "default"}
	if _, err := r.Render(t.Context()); err == nil || !strings.Contains(err.Error(), "namespace kube-bind") {
		t.Errorf("a konnector in another namespace: %v", err)
	}
}

// No Secret is in an argument, or in an environment variable as it is.
func TestSecretsAreNotShown(t *testing.T) {
	const secret = "not-in-any-argument"
	made := rendered(t, Backend, examples(t, Backend)["everything"])
	container := containerOf(t, made)
	if text := fmt.Sprint(container.Args, container.Env); strings.Contains(text, secret) {
		t.Errorf("the container shows it: %s", text)
	}
	sources := map[string]string{}
	for _, env := range container.Env {
		if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
			sources[env.Name] = env.ValueFrom.SecretKeyRef.Name + "/" + env.ValueFrom.SecretKeyRef.Key
		}
	}
	if want := map[string]string{"OIDC_CLIENT_SECRET": "offers-oidc/client-secret", "REDIS_PASSWORD": "redis/password"}; !maps.Equal(sources, want) {
		t.Errorf("got %v, want %v", sources, want)
	}
	var holders []string
	for _, object := range made.Objects {
		if raw, err := yaml.Marshal(object); err != nil || strings.Contains(string(raw), secret) {
			holders = append(holders, object.GetKind())
		}
	}
	if !slices.Equal(holders, []string{"Secret"}) {
		t.Errorf("it is in %v", holders)
	}
}

// Two releases have no object in common: not in one namespace, and not with one name in two.
func TestReleasesDoNotCollide(t *testing.T) {
	seen := map[string]string{}
	for _, r := range []Release{{Name: "one", Namespace: "a"}, {Name: "two", Namespace: "a"}, {Name: "one", Namespace: "b"}} {
		r.Chart, r.Values = Backend, values(t, "{backend: {oidc: {type: embedded}}, rbac: {exports: [{group: wildwest.dev, resources: [cowboys]}]}}")
		made, err := r.Render(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range made.Objects {
			key := strings.Join([]string{object.GetKind(), object.GetNamespace(), object.GetName()}, " ")
			if other, taken := seen[key]; taken {
				t.Errorf("%s is of %s and of %s/%s", key, other, r.Namespace, r.Name)
			}
			seen[key] = r.Namespace + "/" + r.Name
		}
	}
}

// Where nothing else keeps two backends from working at a time, an upgrade ends the old one first.
func TestUpgradesWithoutElection(t *testing.T) {
	for text, want := range map[string]appsv1.DeploymentStrategyType{
		"":                  "",
		"{replicaCount: 1}": "",
		"{replicaCount: 1, backend: {leaderElect: false}}":                                                                  appsv1.RecreateDeploymentStrategyType,
		"{replicaCount: 1, backend: {leaderElect: false, provider: kcp, kubeconfigSecretName: kcp}}":                        appsv1.RecreateDeploymentStrategyType,
		"{replicaCount: 2, backend: {leaderElect: false, provider: kcp, kubeconfigSecretName: kcp, shareWorkspaces: true}}": "",
	} {
		deployment, err := rendered(t, Backend, values(t, text)).Deployment()
		if err != nil {
			t.Fatal(err)
		}
		if have := deployment.Spec.Strategy.Type; have != want {
			t.Errorf("%q: the strategy is %q, want %q", text, have, want)
		}
	}
}

// Who signs in how is told by the values of the seed alone; nobody is let in by passwords that everybody knows unless that is asked for.
func TestFrontDoor(t *testing.T) {
	for name, tc := range map[string]struct {
		values string
		want   []string
		never  []string
		notes  string
	}{
		"nobody signs in by default": {"", []string{"--frontend-disabled=true"}, []string{"--oidc-type", "--listen-address"}, "Nobody can sign in"},
		"embedded, on localhost": {
			"backend: {oidc: {type: embedded}}",
			[]string{"--frontend-disabled=false", "--oidc-type=embedded", "--listen-address=127.0.0.1:8080", "--oidc-callback-url=http://localhost:8080/api/callback"},
			[]string{"--oidc-embedded-insecure"}, "kubectl port-forward --namespace kube-bind service/kube-bind-backend 8080:8080",
		},
		"the seed's": {
			"backend: {oidc: {issuerUrl: 'http://kube-bind-backend.kube-bind.svc:8080/oidc', callbackUrl: 'http://kube-bind-backend.kube-bind.svc:8080/api/callback'}}",
			[]string{"--oidc-type=embedded", "--listen-address=127.0.0.1:8080", "--oidc-embedded-insecure=true"}, nil, "DEVELOPMENT",
		},
		"embedded, for everybody": {
			"{replicaCount: 1, backend: {oidc: {type: embedded, embeddedInsecure: true, callbackUrl: 'http://bind.example.com/api/callback'}}}",
			[]string{"--listen-address=:8080", "--oidc-embedded-insecure=true"}, nil, "INSECURE",
		},
		"external": {
			"backend: {oidc: {issuerUrl: 'https://login', callbackUrl: 'https://bind/api/callback', clientId: x, allowedGroups: ['cn=a,dc=b', c]}}",
			[]string{"--oidc-type=external", "--listen-address=:8080", `--oidc-allowed-groups="cn=a,dc=b"`, "--oidc-allowed-groups=c"},
			[]string{"--oidc-embedded-insecure"}, "The page is at https://bind",
		},
		"turned off": {
			"backend: {frontendDisabled: true, oidc: {issuerUrl: 'https://login', callbackUrl: 'https://bind/api/callback', clientId: x}}",
			[]string{"--frontend-disabled=true"}, []string{"--oidc-type"}, "Nobody can sign in",
		},
	} {
		t.Run(name, func(t *testing.T) {
			made := rendered(t, Backend, values(t, tc.values))
			args := containerOf(t, made).Args
			for _, want := range tc.want {
				if !slices.Contains(args, want) {
					t.Errorf("%s is missing in %q", want, args)
				}
			}
			for _, never := range tc.never {
				if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, never) }) {
					t.Errorf("%s is in %q", never, args)
				}
			}
			if !strings.Contains(made.Notes, tc.notes) {
				t.Errorf("%q is missing in the notes: %s", tc.notes, made.Notes)
			}
			if open := slices.Contains(args, "--frontend-disabled=false"); open != (made.Find("Service", "kube-bind-backend") != nil) {
				t.Errorf("a Service is there: %v", !open)
			}
		})
	}
}

// Who uninstalls the konnector is told before what would hang without it, and by which finalizers.
func TestUninstallIsExplained(t *testing.T) {
	made := rendered(t, Konnector, nil)
	dir, err := Dir(t.Context(), Konnector)
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, filepath.Join(dir, "..", "..", "..", "docs", "install", "helm.md"))
	for _, finalizer := range []string{kubebindv1alpha2.SyncerFinalizer, kubebindv1alpha2.BindingFinalizer, kubebindv1alpha2.BundleFinalizer} {
		if !strings.Contains(page, "`"+finalizer+"`") {
			t.Errorf("docs/install/helm.md does not name %s", finalizer)
		}
	}
	for _, want := range []string{"kubectl bind unbind", kubebindv1alpha2.SyncerFinalizer} {
		if !strings.Contains(made.Notes, want) {
			t.Errorf("%q is missing in the notes: %s", want, made.Notes)
		}
	}
}
