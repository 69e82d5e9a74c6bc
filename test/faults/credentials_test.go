// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// edited is the good kubeconfig with a change.
func edited(t *testing.T, change func(*clientcmdapi.Config, *clientcmdapi.Cluster, *clientcmdapi.AuthInfo)) []byte {
	t.Helper()
	return rewritten(t, world.place.Kubeconfig, change)
}

func rewritten(t *testing.T, kubeconfig []byte, change func(*clientcmdapi.Config, *clientcmdapi.Cluster, *clientcmdapi.AuthInfo)) []byte {
	t.Helper()
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	current := config.Contexts[config.CurrentContext]
	change(config, config.Clusters[current.Cluster], config.AuthInfos[current.AuthInfo])
	data, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Each bad Secret is told in the conditions of its binding and by an Event, and mending it is all that it takes.
func TestBadKubeconfigIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	ran := filepath.Join(t.TempDir(), "ran")
	cases := []struct {
		name              string
		kubeconfig        []byte // nil: there is no Secret
		condition, reason string
		says              string
	}{
		{"missing", nil, kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigSecretNotFound, "create it"},
		{"empty", []byte{}, kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigSecretInvalid, "nothing under key"},
		{"no-yaml", []byte("\tthis: {is not"), kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigSecretInvalid, "cannot be parsed"},
		{"w7-exec", edited(t, func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			user.Token = ""
			user.Exec = &clientcmdapi.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "touch", Args: []string{ran}, InteractiveMode: clientcmdapi.NeverExecInteractiveMode}
		}), kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigRefused, "exec: not allowed"},
		{"w7-token-file", edited(t, func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			user.TokenFile = "/etc/passwd"
		}), kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigRefused, "tokenFile: not allowed"},
		{"w7-proxy", edited(t, func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.ProxyURL = "http://127.0.0.1:1"
		}), kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigRefused, "proxy-url: not allowed"},
		{"w7-insecure", edited(t, func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.CertificateAuthorityData, cluster.InsecureSkipTLSVerify = nil, true
		}), kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigRefused, "insecure-skip-tls-verify: not allowed"},
		{"w7-file", edited(t, func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.CertificateAuthorityData, cluster.CertificateAuthority = nil, "/etc/ssl/certs/ca-certificates.crt"
		}), kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ReasonKubeconfigRefused, "certificate-authority (a file path): not allowed"},
		{"unreachable", edited(t, func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.Server = "https://127.0.0.1:1"
		}), kubebindv1alpha2.ConditionConnected, kubebindv1alpha2.ReasonProviderUnreachable, "connection refused"},
		{"wrong-ca", edited(t, func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
			cluster.CertificateAuthorityData = world.Consumer.Config().CAData
		}), kubebindv1alpha2.ConditionConnected, kubebindv1alpha2.ReasonProviderUnreachable, "certificate"},
		{"bad-token", edited(t, func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			user.Token = "revoked"
		}), kubebindv1alpha2.ConditionConnected, kubebindv1alpha2.ReasonUnauthorized, "new kubeconfig"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.kubeconfig != nil {
				if err := world.SaveKubeconfig(t.Context(), tc.name, tc.kubeconfig); err != nil {
					t.Fatal(err)
				}
			}
			if err := world.CreateBinding(t.Context(), tc.name, tc.name); err != nil {
				t.Fatal(err)
			}
			b := bindingHas(t, tc.name, tc.condition, metav1.ConditionFalse, tc.reason)
			if message := kubebindv1alpha2.FindCondition(b.Status.Conditions, tc.condition).Message; !strings.Contains(message, tc.says) {
				t.Errorf("the condition says %q, not %q", message, tc.says)
			}
			bindingHas(t, tc.name, kubebindv1alpha2.ConditionReady, metav1.ConditionFalse, tc.reason)
			expect.Event(t, world.Consumer, b, tc.reason)
			// With a good kubeconfig all that is missing is an export of this name.
			if err := world.SaveKubeconfig(t.Context(), tc.name, world.place.Kubeconfig); err != nil {
				t.Fatal(err)
			}
			bindingHas(t, tc.name, kubebindv1alpha2.ConditionSecretValid, metav1.ConditionTrue, "")
			bindingHas(t, tc.name, kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonAPIServiceExportNotFound)
			bindingHas(t, tc.name, kubebindv1alpha2.ConditionHeartbeating, metav1.ConditionTrue, "")
			expect.Delete(t, world.Consumer, b)
			expect.Gone(t, world.Consumer, b)
		})
	}
	t.Cleanup(func() {
		if _, err := os.Stat(ran); err == nil {
			t.Error("the konnector ran the program of a kubeconfig")
		}
	})
}

// A token that the provider revokes under a running connection, by deleting its ServiceAccount, is told at once; a new one is
// all that it takes. So it is when the Secret itself goes and comes back.
func TestRevokedTokenIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "revoked")
	providerNS := place.Namespace + "-" + ns
	for _, name := range []string{"before", "deleted"} {
		expect.Create(t, p.Consumer, expect.Cowboy(ns, name))
		expect.Exists(t, p.Provider, expect.Cowboy(providerNS, name))
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: kubebindv1alpha2.BinderName}}
	expect.Delete(t, p.Provider, account)
	last := writeUntilUnauthorized(t, p, ns)
	b := waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonUnauthorized)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonUnauthorized)
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "meanwhile"))
	expect.Delete(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	const window, most = 6 * time.Second, 30
	refused := unauthenticated(t, p.Provider)
	stays(t, window, "the deleted object must wait for its copy", func(ctx context.Context) error {
		_, err := expect.Get(ctx, p.Consumer, expect.Cowboy(ns, "deleted"))
		return err
	})
	if tried := unauthenticated(t, p.Provider) - refused; tried < 1 || tried > most {
		t.Errorf("the provider turned %d requests away in %s, want 1 to %d", tried, window, most)
	}

	fresh := renewed(t, p, place)
	if err := p.SaveKubeconfig(t.Context(), "cowboys", fresh); err != nil {
		t.Fatal(err)
	}
	expect.Exists(t, p.Provider, expect.Cowboy(providerNS, "meanwhile"))
	expect.Has(t, p.Provider, expect.Cowboy(providerNS, "before"), last, "spec", "intent")
	expect.Gone(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")

	expect.Delete(t, p.Consumer, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: "cowboys"}})
	b = waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionFalse, kubebindv1alpha2.ReasonKubeconfigSecretNotFound)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonKubeconfigSecretNotFound)
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "without"))
	if err := p.SaveKubeconfig(t.Context(), "cowboys", fresh); err != nil {
		t.Fatal(err)
	}
	expect.Exists(t, p.Provider, expect.Cowboy(providerNS, "without"))
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	sameObjects(t, p, ns, providerNS)
}

// writeUntilUnauthorized changes an object until the binding tells that the token is not accepted, and returns the last
// intent: API servers believe a token for some seconds after it was revoked.
func writeUntilUnauthorized(t *testing.T, p *pair.Pair, ns string) (intent string) {
	t.Helper()
	b := &kubebindv1alpha2.APIServiceBinding{}
	writes := 0
	expect.Eventually(t, "a write should find the token revoked", func(ctx context.Context) error {
		writes++
		o, err := expect.Get(ctx, p.Consumer, expect.Cowboy(ns, "before"))
		if err != nil {
			return err
		}
		intent = strconv.Itoa(writes)
		expect.Set(intent, "spec", "intent")(o)
		if err := errors.Join(p.Consumer.Client.Update(ctx, o), p.Consumer.Client.Get(ctx, client.ObjectKey{Name: "cowboys"}, b)); err != nil {
			return err
		}
		if c := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionConnected); c.Reason != kubebindv1alpha2.ReasonUnauthorized {
			return fmt.Errorf("it is %+v", c)
		}
		return nil
	})
	return intent
}

// renewed is the kubeconfig of a place once it is another one.
func renewed(t *testing.T, p *pair.Pair, place *pair.Place) []byte {
	t.Helper()
	secret := &corev1.Secret{}
	expect.Eventually(t, "the backend should renew the kubeconfig", func(ctx context.Context) error {
		if err := p.Provider.Client.Get(ctx, client.ObjectKey{Namespace: place.Namespace, Name: kubebindv1alpha2.KubeconfigSecretName}, secret); err != nil {
			return err
		}
		if string(secret.Data[kubebindv1alpha2.KubeconfigSecretKey]) == string(place.Kubeconfig) {
			return errors.New("it is the old one")
		}
		return nil
	})
	return secret.Data[kubebindv1alpha2.KubeconfigSecretKey]
}

func unauthenticated(t *testing.T, side *pair.Side) int {
	t.Helper()
	n, err := pair.CountUnauthenticated(t.Context(), side)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
