// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kube-bind.io/kube-bind/backend/auth/issuer"
	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/test/browser"
	"kube-bind.io/kube-bind/test/pair"
)

// person has a token from kubectl bind login, and uses the API as upstream's page does.
type person struct {
	*world
	token string
}

func (w *world) person(t *testing.T) person {
	t.Helper()
	w.run(t, cli.ExitOK, "login", w.Door())
	raw, err := os.ReadFile(filepath.Join(w.home, ".kube-bind", "config"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Servers map[string]struct {
			AccessToken string `json:"accessToken"`
		} `json:"servers"`
		Current string `json:"current"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	return person{world: w, token: config.Servers[config.Current].AccessToken}
}

// post sends JSON, wants a status, and returns the answer.
func (p person) post(t *testing.T, path string, body any, status int) string {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Door()+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Fatalf("%s: %s: %s", path, response.Status, answer)
	}
	return string(answer)
}

// Somebody uploads the kubeconfig of their cluster: the provider binds there, and does nothing else that the kubeconfig asks for
// (SEC-1).
func TestSEC1Upload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{Workloads: true, BackendArgs: []string{"--apply-binding"}})
	alice := w.person(t)
	upload := func(change func(*clientcmdapi.Config)) map[string]any {
		t.Helper()
		config, err := clientcmd.Load(w.Consumer.Kubeconfig())
		if err != nil {
			t.Fatal(err)
		}
		change(config)
		raw, err := clientcmd.Write(*config)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"consumerKubeconfig": raw, "bindingName": "bigcorp"}
	}
	as := func(*clientcmdapi.Config) {}
	says(t, alice.post(t, "/api/apply-binding", upload(as), http.StatusBadRequest), "bound nothing yet")

	alice.post(t, "/api/bind", map[string]any{
		"metadata": map[string]any{"name": "cowboys"},
		"spec":     map[string]any{"templateRef": map[string]any{"name": "cowboys"}, "clusterIdentity": map[string]any{"identity": "ui-identity"}},
	}, http.StatusOK)
	touched := filepath.Join(w.home, "touched")
	for name, change := range map[string]func(*clientcmdapi.AuthInfo, *clientcmdapi.Cluster){
		"exec": func(u *clientcmdapi.AuthInfo, _ *clientcmdapi.Cluster) {
			u.Exec = &clientcmdapi.ExecConfig{Command: "touch", Args: []string{touched}, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: clientcmdapi.NeverExecInteractiveMode}
		},
		"auth-provider": func(u *clientcmdapi.AuthInfo, _ *clientcmdapi.Cluster) {
			u.AuthProvider = &clientcmdapi.AuthProviderConfig{Name: "oidc"}
		},
		"tokenFile": func(u *clientcmdapi.AuthInfo, _ *clientcmdapi.Cluster) { u.TokenFile = "/etc/passwd" },
		"file path": func(_ *clientcmdapi.AuthInfo, c *clientcmdapi.Cluster) { c.CertificateAuthority = "/etc/passwd" },
		"proxy-url": func(_ *clientcmdapi.AuthInfo, c *clientcmdapi.Cluster) { c.ProxyURL = "http://127.0.0.1:1" },
		"https": func(_ *clientcmdapi.AuthInfo, c *clientcmdapi.Cluster) {
			c.Server = strings.Replace(c.Server, "https", "http", 1)
		},
	} {
		says(t, alice.post(t, "/api/apply-binding", upload(func(config *clientcmdapi.Config) {
			current := config.Contexts[config.CurrentContext]
			change(config.AuthInfos[current.AuthInfo], config.Clusters[current.Cluster])
		}), http.StatusBadRequest), "The kubeconfig is refused", name)
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("the backend ran a command")
	}

	var got struct {
		KonnectorDeployed, BundleCreated bool
	}
	if err := json.Unmarshal([]byte(alice.post(t, "/api/apply-binding", upload(as), http.StatusOK)), &got); err != nil || !got.KonnectorDeployed || !got.BundleCreated {
		t.Errorf("got %+v, %v", got, err)
	}
	w.konnectorPod(t)
	w.syncsOnceBound(t, "billy-the-kid")
	alice.post(t, "/api/apply-binding", upload(as), http.StatusOK)
	w.uploadsOnPage(t, w.Consumer.Kubeconfig())
}

// onPage is a browser in which alice is signed in at the page.
func (w *world) onPage(t *testing.T) *browser.Browser {
	t.Helper()
	alice := issuer.DefaultUsers()[0]
	b, err := browser.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"redirect_url": {"/bindings"}, "session_id": {"page"}, "client_type": {"ui"}}
	if _, err := b.SignIn(t.Context(), w.Door()+"/api/authorize?"+query.Encode(), w.Door()+"/bindings", alice.Name, alice.Password); err != nil {
		t.Fatal(err)
	}
	return b
}

// uploadsOnPage does the same with a browser.
func (w *world) uploadsOnPage(t *testing.T, kubeconfig []byte) {
	t.Helper()
	b := w.onPage(t)
	page, err := open(t.Context(), b, http.MethodPost, w.Door()+"/templates/cowboys/bundle", url.Values{"name": {"cowboys"}})
	if err != nil {
		t.Fatal(err)
	}
	says(t, page, `action="/templates/cowboys/upload"`, `type="file"`, "Upload and bind")
	for content, want := range map[string]struct {
		status int
		says   string
	}{
		string(kubeconfig):                      {http.StatusOK, "cowboys"},
		"users:\n- user: {exec: {command: sh}}": {http.StatusBadRequest, "The kubeconfig is refused"},
	} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		file, err := form.CreateFormFile("kubeconfig", "config")
		if err == nil {
			_, err = io.WriteString(file, content)
		}
		if err := errors.Join(err, form.WriteField("name", "bigcorp"), form.Close()); err != nil {
			t.Fatal(err)
		}
		response, err := b.Post(w.Door()+"/templates/cowboys/upload", form.FormDataContentType(), &body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want.status || !strings.Contains(string(answer), want.says) {
			t.Errorf("got %s: %s", response.Status, answer)
		}
	}
}

// Without the flag no kubeconfig is looked at.
func TestUploadIsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pair.Options{})
	says(t, w.person(t).post(t, "/api/apply-binding", map[string]any{"consumerKubeconfig": []byte("x"), "bindingName": "x"}, http.StatusForbidden), "does not take kubeconfigs")
}
