// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// providersKubeconfig has a place at the provider, and a context that would run a program.
func providersKubeconfig(t *testing.T) []byte {
	t.Helper()
	c := clientcmdapi.NewConfig()
	c.CurrentContext = "default"
	c.Clusters["default"] = &clientcmdapi.Cluster{Server: "https://provider.example.com"}
	c.AuthInfos["default"] = &clientcmdapi.AuthInfo{Token: "t"}
	c.Contexts["default"] = &clientcmdapi.Context{Cluster: "default", AuthInfo: "default", Namespace: "kube-bind-x"}
	c.AuthInfos["program"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{Command: "sh", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: "Never"}}
	c.Contexts["program"] = &clientcmdapi.Context{Cluster: "default", AuthInfo: "program"}
	raw, err := clientcmd.Write(*c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// SEC-15: whoever uses the stored kubeconfig with kubectl --context runs nothing of the provider's.
func TestSEC15SecretHasWhatIsVetted(t *testing.T) {
	c, err := Read(providersKubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	stored := string(c.Secret().Data[kubebindv1alpha2.KubeconfigSecretKey])
	if c.Namespace != "kube-bind-x" || !strings.Contains(stored, "https://provider.example.com") || strings.Contains(stored, "program") || strings.Contains(stored, "exec") {
		t.Errorf("namespace %s, and stored is\n%s", c.Namespace, stored)
	}
}
