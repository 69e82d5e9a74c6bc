// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// stopAtEnd stops a control plane at the end of the test, and looks that nothing is left of it.
func stopAtEnd(t *testing.T, c *ControlPlane) {
	t.Helper()
	t.Cleanup(func() {
		pids := c.PIDs()
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if !missing(c.Dir()) {
			t.Errorf("Stop left %s behind", c.Dir())
		}
		for name, pid := range pids {
			if !gone(pid) {
				t.Errorf("Stop left %s (%d) behind", name, pid)
			}
		}
		if err := c.Stop(); err != nil {
			t.Errorf("stopping a second time: %v", err)
		}
	})
}

// newClient makes a client whose connections end with the test, so that they do not look like leaks.
func newClient(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.CloseIdleConnections)
	client, err := kubernetes.NewForConfigAndClient(config, http)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestTwoControlPlanes starts two at the same time, as most tests of this project need, and sees that the first works
// as a cluster does, and that the second is another one.
func TestTwoControlPlanes(t *testing.T) {
	begin := time.Now()
	type result struct {
		plane *ControlPlane
		err   error
	}
	results := make(chan result)
	for _, name := range []string{"one", "two"} {
		go func() {
			c, err := Start(t.Context(), Options{Name: name, LogDir: t.ArtifactDir()})
			results <- result{c, err}
		}()
	}
	var planes []*ControlPlane
	for range 2 {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
			continue
		}
		stopAtEnd(t, r.plane)
		planes = append(planes, r.plane)
	}
	if len(planes) < 2 {
		t.FailNow()
	}
	t.Logf("two control planes were ready after %s", time.Since(begin).Round(time.Millisecond))

	one, two := planes[0], planes[1]
	checkPrograms(t, one, etcdName, apiServerName, controllerManagerName)
	t.Run("they are not the same", func(t *testing.T) { testApart(t, one, two) })
	t.Run("users are bound by RBAC", func(t *testing.T) { testUser(t, one) })
	t.Run("namespaces are deleted", func(t *testing.T) { testNamespaceDeletion(t, one) })
	t.Run("garbage is collected", func(t *testing.T) { testGarbageCollection(t, one) })
	t.Run("ServiceAccounts get tokens", func(t *testing.T) { testTokenSecret(t, one) })
	t.Run("ClusterRoles are aggregated", func(t *testing.T) { testAggregation(t, one) })
	t.Run("the API server comes back", func(t *testing.T) { testAPIServerRestart(t, one) })
}

func testApart(t *testing.T, one, two *ControlPlane) {
	createNamespace(t, newClient(t, one.Config()), "only-in-one")
	_, err := newClient(t, two.Config()).CoreV1().Namespaces().Get(t.Context(), "only-in-one", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("reading the namespace of one in two: %v, want NotFound", err)
	}
	if _, err := newClient(t, mixed(one, two)).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("using the certificate of one in two: %v, want Unauthorized", err)
	}
}

// mixed is the credential of one for the server of two.
func mixed(one, two *ControlPlane) *rest.Config {
	config := two.Config()
	config.CertData, config.KeyData = one.Config().CertData, one.Config().KeyData
	return config
}

func testUser(t *testing.T, c *ControlPlane) {
	content, err := c.UserKubeconfig("alice", "wranglers")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(content)
	if err != nil {
		t.Fatal(err)
	}
	alice, admin := newClient(t, config), newClient(t, adminFromFile(t, c))
	if _, err := alice.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing namespaces without being allowed to: %v, want Forbidden", err)
	}
	_, err = admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "wranglers-view"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "wranglers"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "alice, of the group wranglers, may list namespaces", func() bool {
		_, err := alice.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		return err == nil
	})
}

// adminFromFile is the administrator's access as kubectl would read it.
func adminFromFile(t *testing.T, c *ControlPlane) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.KubeconfigFile())
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func testNamespaceDeletion(t *testing.T, c *ControlPlane) {
	client := newClient(t, c.Config())
	createNamespace(t, client, "doomed")
	createConfigMap(t, client, "doomed", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "content"}})
	if err := client.CoreV1().Namespaces().Delete(t.Context(), "doomed", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace is gone", func() bool {
		_, err := client.CoreV1().Namespaces().Get(t.Context(), "doomed", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func testGarbageCollection(t *testing.T, c *ControlPlane) {
	client := newClient(t, c.Config())
	createNamespace(t, client, "litter")
	owner := createConfigMap(t, client, "litter", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}})
	createConfigMap(t, client, "litter", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name:            "owned",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}},
	}})
	if err := client.CoreV1().ConfigMaps("litter").Delete(t.Context(), "owner", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the owned ConfigMap is gone", func() bool {
		_, err := client.CoreV1().ConfigMaps("litter").Get(t.Context(), "owned", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func testTokenSecret(t *testing.T, c *ControlPlane) {
	client := newClient(t, c.Config())
	_, err := client.CoreV1().Secrets("default").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "token",
			Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"},
		},
		Type: corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var secret *corev1.Secret
	eventually(t, "the Secret has a token and a CA", func() bool {
		secret, err = client.CoreV1().Secrets("default").Get(t.Context(), "token", metav1.GetOptions{})
		return err == nil && len(secret.Data[corev1.ServiceAccountTokenKey]) > 0 && len(secret.Data[corev1.ServiceAccountRootCAKey]) > 0
	})
	config := rest.AnonymousClientConfig(c.Config())
	config.CAData = secret.Data[corev1.ServiceAccountRootCAKey]
	config.BearerToken = string(secret.Data[corev1.ServiceAccountTokenKey])
	if _, err := newClient(t, config).CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("using the token: %v, want Forbidden (known, but not allowed)", err)
	}
}

func testAggregation(t *testing.T, c *ControlPlane) {
	client := newClient(t, c.Config())
	rule := rbacv1.PolicyRule{APIGroups: []string{"wildwest.dev"}, Resources: []string{"cowboys"}, Verbs: []string{"get"}}
	_, err := client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{
			Name:   "cowboys-view",
			Labels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"},
		},
		Rules: []rbacv1.PolicyRule{rule},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ClusterRole view allows to see cowboys", func() bool {
		view, err := client.RbacV1().ClusterRoles().Get(t.Context(), "view", metav1.GetOptions{})
		return err == nil && slices.ContainsFunc(view.Rules, func(r rbacv1.PolicyRule) bool {
			return slices.Equal(r.Resources, rule.Resources)
		})
	})
}

// testAPIServerRestart also looks whether the controllers survive it.
func testAPIServerRestart(t *testing.T, c *ControlPlane) {
	client := newClient(t, c.Config())
	createNamespace(t, client, "survivor")
	if err := c.StartAPIServer(t.Context()); err == nil {
		t.Error("an API server that runs was started again")
	}
	if err := c.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "survivor", metav1.GetOptions{}); err == nil {
		t.Error("the API server answers although it was stopped")
	}
	if err := c.StopAPIServer(); err == nil {
		t.Error("an API server that is stopped was stopped again")
	}
	if err := c.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "survivor", metav1.GetOptions{}); err != nil {
		t.Errorf("data from before: %v", err)
	}
	createNamespace(t, client, "afterwards")
	eventually(t, "a new namespace gets its ServiceAccount", func() bool {
		_, err := client.CoreV1().ServiceAccounts("afterwards").Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
}

func createNamespace(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func createConfigMap(t *testing.T, client kubernetes.Interface, namespace string, cm *corev1.ConfigMap) *corev1.ConfigMap {
	t.Helper()
	cm, err := client.CoreV1().ConfigMaps(namespace).Create(t.Context(), cm, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cm
}
