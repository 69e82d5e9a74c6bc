// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
)

// program waits for a browser, as a CLI does.
type program struct {
	origin string
	// told is what browsers bring.
	told chan url.Values
}

func newProgram(t *testing.T) *program {
	t.Helper()
	p := &program{told: make(chan url.Values, 1)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback" {
			p.told <- r.URL.Query()
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>Done</title><link rel="icon" href="data:,"><p>Go back to your terminal.</p>`)
	}))
	t.Cleanup(server.Close)
	p.origin = server.URL
	return p
}

// link is what a CLI opens.
func (p *program) link(more url.Values) string {
	query := url.Values{"redirect_url": {p.origin + "/callback"}, "session_id": {"s1"}, "consumer_id": {"a-cluster"}}
	for name, values := range more {
		query[name] = values
	}
	return "/?" + query.Encode()
}

// A program opens the browser, somebody signs in, searches, chooses, and is back at the program.
func TestBindForCLI(t *testing.T) {
	p := newProgram(t)
	b := newTab(t, p.origin)
	b.open(p.link(url.Values{"response": {"choice"}}))
	b.sees("A program on your machine waits at " + strings.TrimPrefix(p.origin, "http://"))
	b.fits()
	b.signIn("alice")
	b.sees("A program on your machine waits")
	b.fits()
	b.do("typing", chromedp.SendKeys(chromedp.CSS("#q"), "cowboys"))
	b.do("waiting", chromedp.WaitNotPresent(chromedp.CSS(`a[href^="/templates/postgres"]`)))
	b.click(`.chips a`)
	b.click(`a[href^="/templates/cowboys"]`)
	b.sees("Bind for CLI", "your terminal goes on from there")
	b.fits()
	b.picture("web-bind-for-cli")
	b.do("naming it", chromedp.SetValue(chromedp.CSS("#name"), "my-cowboys"))
	b.arrive("pressing Enter", chromedp.SendKeys(chromedp.CSS("#name"), "\r"))
	b.sees("Go back to your terminal")
	want := url.Values{"session_id": {"s1"}, "consumer_id": {"a-cluster"}, "template": {"cowboys"}, "name": {"my-cowboys"}}
	if got := <-p.told; got.Encode() != want.Encode() {
		t.Errorf("the program was told %v, want %v", got, want)
	}
	if got := b.evaluate(`document.referrer`); got != "" {
		t.Errorf("the program sees where the browser comes from: %s", got)
	}
}

// Somebody binds by hand, applies what they get, and sees how the binding comes to life.
func TestBindByHand(t *testing.T) {
	b := newTab(t)
	b.refused = true // the first answer is a 401
	b.open("/templates/cowboys")
	b.sees("You have to sign in to see this page")
	b.signIn("alice")
	b.refused = false
	b.at("/templates/cowboys")
	b.do("naming it", chromedp.SetValue(chromedp.CSS("#name"), "ranch"))
	b.click(`button[formaction*="/bundle"]:not([name])`)
	b.sees("Take it to your cluster", "kubectl apply -f ranch.yaml", "kubectl wait apiservicebinding/ranch --for=create", "--for=condition=Ready")
	b.seesNot("kube-bind.io/bindings", "kind: Secret")
	b.fits()
	b.picture("web-manifest")
	b.copies()
	manifest := b.evaluate(`document.querySelector("#manifest").textContent`)
	if got := b.download(`button[name="as"]`, "ranch.yaml"); got != manifest {
		t.Errorf("downloaded\n%s\nwant\n%s", got, manifest)
	}

	b.click(`main a[href="/bindings"]`)
	b.sees("ranch", "Waiting for its konnector", "cowboys.wildwest.dev")
	b.evaluate(`document.body.dataset.mark = "same"`)
	b.fits()
	applies(t, manifest)
	b.sees("Connected", "Your binding works.", "less than a minute ago", "v1.0.0")
	b.eventually(`document.querySelectorAll(".conditions li:not(.good)").length`, "0")
	if got := b.evaluate(`document.body.dataset.mark`); got != "same" {
		t.Error("it took another page to see it")
	}
	b.fits()
	b.picture("web-bindings")
	b.inDark("web-bindings-dark")
	b.onPhone("web-bindings-phone")
}

// A provider that takes kubeconfigs does the rest. One that it refuses is told of.
func TestBindByUpload(t *testing.T) {
	b := newTab(t)
	b.open("/")
	b.signIn("alice")
	b.open("/templates/certificates")
	b.click(`button[formaction*="/bundle"]:not([name])`)
	b.sees("Or let Orchard Cloud do it", "The file is not kept")
	b.evaluate(`document.querySelector("#upload").scrollIntoView()`)
	b.picture("web-upload")
	bad := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(bad, []byte("users:\n- user: {exec: {command: sh}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.refused = true
	b.do("choosing a file", chromedp.SetUploadFiles(chromedp.CSS("#kubeconfig"), []string{bad}))
	b.click(`form[action*="/upload"] button`)
	b.sees("This does not work", "The kubeconfig is refused")
	b.fits()
	b.refused = false
	b.open("/templates/certificates")
	b.click(`button[formaction*="/bundle"]:not([name])`)
	b.do("choosing a file", chromedp.SetUploadFiles(chromedp.CSS("#kubeconfig"), []string{world.kubeconfig}))
	b.click(`form[action*="/upload"] button`)
	b.at("/bindings")
	b.eventually(`[...document.querySelectorAll(".export")].filter((e) => e.ariaLabel === "certificates" && !e.querySelector(".conditions li:not(.good)") && e.querySelector(".conditions")).length`, "1")
}

// Published clients know no choice: they are given the kubeconfig.
func TestBindForOlderCLI(t *testing.T) {
	p := newProgram(t)
	b := newTab(t, p.origin)
	b.open(p.link(url.Values{"consumer_id": {t.Name()}}))
	b.signIn("alice")
	b.click(`a[href^="/templates/cowboys"]`)
	b.refused = true
	b.do("misnaming it", chromedp.SetValue(chromedp.CSS("#name"), "My Cowboys"))
	b.click(`button[formaction*="/cli"]`)
	b.sees(`The name "My Cowboys" cannot be used`)
	if got := b.evaluate(`document.querySelector("#name").value`); got != "My Cowboys" || b.status != http.StatusBadRequest {
		t.Errorf("after a bad name: %d, with %q", b.status, got)
	}
	b.fits()
	b.refused = false
	b.do("naming it", chromedp.SetValue(chromedp.CSS("#name"), "cowboys"))
	b.click(`button[formaction*="/cli"]`)
	b.sees("Go back to your terminal")
	told := <-p.told
	raw, err := base64.URLEncoding.DecodeString(told.Get("binding_response"))
	if err != nil {
		t.Fatalf("%v: %v", told, err)
	}
	response := &kubebindv1alpha2.BindingResourceResponse{}
	if err := json.Unmarshal(raw, response); err != nil {
		t.Fatal(err)
	}
	if _, err := clientcmd.RESTConfigFromKubeConfig(response.Kubeconfig); err != nil || len(response.Requests) != 1 {
		t.Errorf("the program was told %s: %v", raw, err)
	}
}

// copies wants the first command to be on the clipboard.
func (b *tab) copies() {
	b.t.Helper()
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "clipboard-write"}, Setting: browser.PermissionSettingGranted,
		Origin: world.origin, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	}); err != nil {
		b.t.Fatal(err)
	}
	b.do("copying", chromedp.Click(chromedp.CSS(`[data-copy="apply"]`)))
	b.eventually(`document.querySelector("[data-copy=apply]").textContent`, "Copied")
}

// download clicks, and returns what is then saved under a name.
func (b *tab) download(selector, name string) string {
	b.t.Helper()
	folder := b.t.TempDir()
	if _, err := chromedp.CallBrowser(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: "allow", DownloadPath: folder, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	}); err != nil {
		b.t.Fatal(err)
	}
	b.do("downloading", chromedp.Click(chromedp.CSS(selector)))
	var raw []byte
	err := wait.PollUntilContextTimeout(b.ctx, 50*time.Millisecond, timeout/2, true, func(context.Context) (bool, error) {
		var err error
		raw, err = os.ReadFile(filepath.Join(folder, name))
		return err == nil, nil
	})
	if err != nil {
		b.t.Fatalf("waiting for %s: %v", name, err)
	}
	return string(raw)
}

// applies takes a manifest to the consumer, by one kubectl apply.
func applies(t *testing.T, manifest string) {
	t.Helper()
	bin, err := controlplane.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl"), "--kubeconfig", world.kubeconfig, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, said)
	}
}
