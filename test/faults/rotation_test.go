// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// kubeconfigs are the Secrets of the two sides that a token is taken over between.
type kubeconfigs struct {
	*pair.Pair
	place *pair.Place
	beats int
}

// W48, SEC-15: a token that the provider has renewed gets into the consumer's Secret, and the konnector goes on with it.
// Whatever else the provider puts there is refused, told to the provider, and changes nothing. The tokens have no expiry here:
// of those one can be revoked alone.
func TestSEC15W48RenewedTokenIsTakenOver(t *testing.T) {
	t.Parallel()
	p, place := ownPair(t, "--static-consumer-tokens")
	ns := expect.Namespace(t, p.Consumer, "renewed")
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "before"))
	expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "before"))
	// The backend would put its own kubeconfig back.
	if err := p.Backend().Stop(); err != nil {
		t.Fatal(err)
	}
	k := &kubeconfigs{Pair: p, place: place}
	fresh := k.token(t, "renewed", kubebindv1alpha2.BinderName)
	withToken := func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) { user.Token = fresh }
	for name, tc := range map[string]struct {
		change func(*clientcmdapi.Config, *clientcmdapi.Cluster, *clientcmdapi.AuthInfo)
		says   string
	}{
		"other server": {func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			cluster.Server, user.Token = p.Consumer.Config().Host, fresh
		}, "another server;"},
		"other CA": {func(_ *clientcmdapi.Config, cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			cluster.CertificateAuthorityData, user.Token = p.Consumer.Config().CAData, fresh
		}, "another certificate-authority-data;"},
		"other namespace": {func(config *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			config.Contexts[config.CurrentContext].Namespace, user.Token = "default", fresh
		}, "another namespace;"},
		"exec section": {func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			user.Token = ""
			user.Exec = &clientcmdapi.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "touch", InteractiveMode: clientcmdapi.NeverExecInteractiveMode}
		}, "exec: not allowed"},
		"unknown token": {func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			user.Token = "unknown"
		}, "does not open"},
		"token of somebody else": {func(_ *clientcmdapi.Config, _ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
			user.Token = k.token(t, "somebody", "default")
		}, "its token does not open"},
	} {
		t.Run(name, func(t *testing.T) {
			k.offer(t, rewritten(t, place.Kubeconfig, tc.change))
			have := k.beat(t)
			k.told(t, metav1.ConditionFalse, kubebindv1alpha2.ReasonProviderSecretInvalid, tc.says)
			if !bytes.Equal(k.consumers(t), have) {
				t.Error("the consumer's Secret was written to")
			}
			k.offer(t, place.Kubeconfig)
			k.beat(t)
			k.told(t, metav1.ConditionTrue, "", "")
		})
	}

	want := rewritten(t, place.Kubeconfig, withToken)
	// What else is in the provider's file stays there.
	k.offer(t, rewritten(t, place.Kubeconfig, func(config *clientcmdapi.Config, cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) {
		withToken(config, cluster, user)
		config.AuthInfos["more"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "touch"}}
	}))
	k.beat(t)
	expect.Eventually(t, "the consumer's Secret should have the token", func(context.Context) error {
		if have := k.consumers(t); !bytes.Equal(have, want) {
			return fmt.Errorf("it has %d bytes, want %d", len(have), len(want))
		}
		return nil
	})
	expect.Delete(t, p.Provider, k.staticToken())
	tokenRefused(t, place)
	expect.Create(t, p.Consumer, expect.Cowboy(ns, "after"))
	expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, "after"))
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
}

// SEC-16: a backend that goes over to tokens that expire gives the running konnector one, and later the next, and nobody
// notices: neither needs the one before.
func TestSEC16TokensAreRenewedUnderARunningKonnector(t *testing.T) {
	t.Parallel()
	p, place := ownPair(t, "--static-consumer-tokens")
	ns := expect.Namespace(t, p.Consumer, "renewing")
	works := func(name string) {
		t.Helper()
		expect.Create(t, p.Consumer, expect.Cowboy(ns, name))
		expect.Exists(t, p.Provider, expect.Cowboy(place.Namespace+"-"+ns, name))
		waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	}
	works("static")
	if err := p.Backend().Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.StartBackend("--static-consumer-tokens=false"); err != nil {
		t.Fatal(err)
	}
	k := &kubeconfigs{Pair: p, place: place}
	first := k.takenOver(t, place.Kubeconfig)
	// Sooner than the backend would do it.
	expect.Delete(t, p.Provider, k.staticToken())
	tokenRefused(t, place)
	works("expiring")

	secret := k.offered(t)
	delete(secret.Annotations, kubebindv1alpha2.RenewAtAnnotation)
	if err := p.Provider.Client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	k.takenOver(t, first)
	works("renewed")
	k.told(t, metav1.ConditionTrue, "", "")
}

// takenOver waits until provider and consumer have the same kubeconfig, which is not the one before.
func (k *kubeconfigs) takenOver(t *testing.T, before []byte) (fresh []byte) {
	t.Helper()
	fresh = renewed(t, k.Pair, &pair.Place{Namespace: k.place.Namespace, Kubeconfig: before})
	k.beat(t)
	expect.Eventually(t, "the consumer's Secret should have the provider's token", func(context.Context) error {
		if have := k.consumers(t); !bytes.Equal(have, fresh) {
			return fmt.Errorf("it has %d bytes, want %d", len(have), len(fresh))
		}
		return nil
	})
	return fresh
}

// staticToken is the Secret of the place's token without expiry.
func (k *kubeconfigs) staticToken() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: k.place.Namespace, Name: kubebindv1alpha2.BinderName}}
}

// token makes another token of a ServiceAccount of the place.
func (k *kubeconfigs) token(t *testing.T, name, account string) (token string) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: k.place.Namespace, Name: name}, Type: corev1.SecretTypeServiceAccountToken}
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, corev1.ServiceAccountNameKey, account)
	expect.Create(t, k.Provider, secret)
	expect.Eventually(t, "there should be a token", func(ctx context.Context) error {
		if err := k.Provider.Client.Get(ctx, keyOf(secret), secret); err != nil {
			return err
		}
		if token = string(secret.Data[corev1.ServiceAccountTokenKey]); token == "" {
			return errors.New("there is none yet")
		}
		return nil
	})
	return token
}

// offer puts a kubeconfig where the provider renews it.
func (k *kubeconfigs) offer(t *testing.T, kubeconfig []byte) {
	t.Helper()
	secret := k.offered(t)
	secret.Data[kubebindv1alpha2.KubeconfigSecretKey] = kubeconfig
	if err := k.Provider.Client.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

// offered is the Secret with the provider's kubeconfig.
func (k *kubeconfigs) offered(t *testing.T) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	if err := k.Provider.Client.Get(t.Context(), client.ObjectKey{Namespace: k.place.Namespace, Name: kubebindv1alpha2.KubeconfigSecretName}, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// beat lets a heartbeat come at once, by a new session: the consumer's Secret gets a comment. It returns what is there now.
func (k *kubeconfigs) beat(t *testing.T) []byte {
	t.Helper()
	k.beats++
	kubeconfig := fmt.Appendf(nil, "%s# %d\n", k.consumers(t), k.beats)
	if err := k.SaveKubeconfig(t.Context(), "cowboys", kubeconfig); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// consumers is the kubeconfig in the consumer's Secret.
func (k *kubeconfigs) consumers(t *testing.T) []byte {
	t.Helper()
	secret := &corev1.Secret{}
	if err := k.Consumer.Client.Get(t.Context(), client.ObjectKey{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: "cowboys"}, secret); err != nil {
		t.Fatal(err)
	}
	return secret.Data[kubebindv1alpha2.KubeconfigSecretKey]
}

// told waits until the provider knows what the konnector has to say about its Secret.
func (k *kubeconfigs) told(t *testing.T, status metav1.ConditionStatus, reason, says string) {
	t.Helper()
	binding := &kubebindv1alpha2.ClusterBinding{}
	expect.Eventually(t, "the ClusterBinding should say so", func(ctx context.Context) error {
		if err := k.Provider.Client.Get(ctx, client.ObjectKey{Namespace: k.place.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, binding); err != nil {
			return err
		}
		c := kubebindv1alpha2.FindCondition(binding.Status.Conditions, kubebindv1alpha2.ConditionSecretValid)
		if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) {
			return fmt.Errorf("it says %+v", c)
		}
		return nil
	})
}

// tokenRefused waits until a place cannot be reached any more by the kubeconfig that it was made with: API servers believe
// a token for some seconds after it was revoked.
func tokenRefused(t *testing.T, place *pair.Place) {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(place.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pair.Client(config)
	if err != nil {
		t.Fatal(err)
	}
	expect.Eventually(t, "the old token should be refused", func(ctx context.Context) error {
		err := c.Get(ctx, client.ObjectKey{Namespace: place.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, &kubebindv1alpha2.ClusterBinding{})
		if !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("it is not: %w", err)
		}
		return nil
	})
}
