// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"k8s.io/apimachinery/pkg/util/wait"

	"kube-bind.io/kube-bind/backend/auth/issuer"
)

// Somebody comes, signs in, looks around, and goes.
func TestVisit(t *testing.T) {
	b := newTab(t)
	b.open("/")
	b.sees("Services of Orchard Cloud", "Sign in")
	b.fits()
	b.picture("web-welcome")
	b.click("main a.button")
	b.sees("For development only", "Who can sign in")
	b.fits()
	b.picture("web-sign-in")
	b.mistypes("alice")
	b.fillIn("alice")
	b.at("/")
	b.sees("What Orchard Cloud offers you", "postgres", "PostgreSQL clusters", "Not available now", "alice")
	b.fits()
	b.picture("web-services")
	b.inDark("web-services-dark")
	b.onPhone("web-services-phone")
	b.click(`a[href^="/templates/postgres"]`)
	b.sees("Cluster", "clusters.postgresql.cnpg.io", "superuserSecret", "named in spec.superuserSecret.name of your Cluster objects", "called company-ca, in the namespace platform", "postgres-shared")
	b.fits()
	b.picture("web-service")
	b.inDark("web-service-dark")
	b.onPhone("web-service-phone")
	b.evaluate(`document.querySelector("#claims").scrollIntoView()`)
	b.picture("web-claims")
	b.click(".person button")
	b.at("/")
	b.sees("Sign in")
	b.seesNot("postgres")
}

// Who types sees what is found, without another page.
func TestSearch(t *testing.T) {
	b := newTab(t)
	b.open("/")
	b.signIn("alice")
	b.evaluate(`document.body.dataset.mark = "same"`)
	b.do("typing", chromedp.SendKeys(chromedp.CSS("#q"), "range cow"))
	b.sees("cowboys")
	b.do("waiting", chromedp.WaitNotPresent(chromedp.CSS(`a[href^="/templates/postgres"]`)))
	b.at("/?q=range%20cow")
	if got := b.evaluate(`document.body.dataset.mark + " " + document.querySelector("#count").textContent + " " + document.activeElement.id`); got != "same 1 of 5 services q" {
		t.Errorf("after the search: %s", got)
	}
	b.do("typing", chromedp.SendKeys(chromedp.CSS("#q"), " nowhere"))
	b.sees("Nothing found")
	b.fits()
	b.picture("web-nothing-found")
	b.click(".empty a.button")
	b.sees("postgres")
	b.click(`.chips a[href*="collection=networking"]`)
	b.sees("All that has to do with networking", "certificates", "routes")
	b.seesNot("postgres\n")
	b.do("typing", chromedp.SendKeys(chromedp.CSS("#q"), "TLS"))
	b.do("waiting", chromedp.WaitNotPresent(chromedp.CSS(`a[href^="/templates/routes"]`)))
	b.at("/?collection=networking&q=TLS")
	b.arrive("pressing Enter", chromedp.SendKeys(chromedp.CSS("#q"), "\r"))
	b.at("/?collection=networking&q=TLS")
}

// A page that refreshes itself says when it cannot, and asks to sign in again when the session has ended.
func TestSessionEnds(t *testing.T) {
	b := newTab(t)
	b.refused = true
	b.open("/bindings")
	b.signIn("alice")
	b.at("/bindings")
	b.offline(true)
	b.sees("what you see is not current")
	b.fits()
	b.offline(false)
	b.eventually(`document.querySelector("#stale").checkVisibility()`, "false")
	b.evaluate(`fetch("/sign-out", {method: "POST"})`)
	b.sees("You have to sign in to see this page")
}

// Errors are pages as well.
func TestProblems(t *testing.T) {
	b := newTab(t)
	b.refused = true
	for path, texts := range map[string][]string{
		"/nothing": {"Nothing is here", "/nothing"},
		"/bindings?redirect_url=https://example.org/&session_id=s": {"This does not work", "cannot be answered"},
		"/cli?error=AUTHORIZATION_FAILED&error_description=no":     {"You are not signed in", "AUTHORIZATION_FAILED: no"},
		"/assets/none.css": {"Nothing is here"},
	} {
		b.open(path)
		b.sees(texts...)
		b.fits()
	}
	b.open("/")
	b.signIn("bob")
	b.sees("No services for you yet")
	b.fits()
	b.picture("web-no-services")
	b.click(`nav a[href="/bindings"]`)
	b.sees("You have bound nothing yet")
	b.fits()
	b.picture("web-no-bindings")
	b.open("/templates/cowboys")
	b.sees("You may not do this", "verb bind on apiserviceexporttemplates")
	b.fits()
	b.picture("web-problem")
	b.click("main a.button")
	b.at("/")
}

// A service that cannot be bound says why.
func TestTrouble(t *testing.T) {
	b := newTab(t)
	b.open("/")
	b.signIn("alice")
	b.click(`a[href="/templates/unicorns"]`)
	b.sees("It cannot be bound now", "there is no CRD unicorns.example.org", "The provider has no schema of it")
	b.fits()
	b.picture("web-trouble")
	if got := b.evaluate(`document.querySelectorAll(".bind form").length`); got != "0" {
		t.Error("it can be bound")
	}
}

// A code is there to be carried to a terminal.
func TestCode(t *testing.T) {
	b := newTab(t)
	query := url.Values{
		"redirect_url": {world.origin + "/cli"}, "session_id": {"s1"}, "client_type": {"cli"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(make([]byte, 32))},
	}
	b.open("/api/authorize?" + query.Encode())
	b.fillIn("alice")
	b.sees("Paste this code into the terminal", "Have you not begun this yourself?")
	b.fits()
	b.picture("web-code")
	if got := b.evaluate(`document.querySelector("#code").textContent === new URLSearchParams(location.search).get("code")`); got != "true" {
		t.Error("it is another code")
	}
}

// Somebody without a mouse gets from the address to a bound service.
func TestKeyboard(t *testing.T) {
	b := newTab(t)
	b.open("/")
	b.signIn("alice")
	b.press(kb.Tab)
	if got := b.focus(); got != "Skip to the content" {
		t.Errorf("the first stop is %q", got)
	}
	b.press(kb.Enter)
	var stops []string
	for range 14 {
		b.press(kb.Tab)
		stops = append(stops, b.focus())
	}
	want := []string{"q", "Search", "All services", "data 1", "networking 2", "certificates", "cowboys", "postgres", "routes", "unicorns"}
	if got := stops[:len(want)]; !slices.Equal(got, want) {
		t.Errorf("the stops are %q, want %q", got, want)
	}
	b.do("going to a service", chromedp.Focus(chromedp.CSS(`a[href="/templates/cowboys"]`)))
	b.arrive("pressing Enter", chromedp.KeyEvent(kb.Enter))
	b.at("/templates/cowboys")
	// What has the focus can be seen to.
	for range 12 {
		b.press(kb.Tab)
		if got := b.evaluate(`document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none" || getComputedStyle(document.activeElement, "::after").outlineStyle !== "none"`); got != "true" {
			t.Errorf("nobody sees that %q has the focus", b.focus())
		}
	}
}

// reach presses Tab until something has the focus.
func (b *tab) reach(what string) {
	b.t.Helper()
	var stops []string
	for range 60 {
		b.press(kb.Tab)
		if stops = append(stops, b.focus()); stops[len(stops)-1] == what {
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %q: %q", what, stops)
}

// Somebody without a mouse searches, binds, opens the manifest, looks at their bindings, and goes.
func TestKeyboardOnly(t *testing.T) {
	b := newTab(t)
	enter := func(what string) {
		t.Helper()
		b.reach(what)
		b.arrive("pressing Enter", chromedp.KeyEvent(kb.Enter))
	}
	b.open("/")
	enter("Sign in")
	// The form takes the focus by itself, a moment after it is there.
	b.do("waiting for the focus", chromedp.WaitVisible(chromedp.CSS("#name:focus")))
	b.do("filling in the form", chromedp.KeyEvent(issuer.DefaultUsers()[0].Name), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(issuer.DefaultUsers()[0].Password))
	b.arrive("pressing Enter", chromedp.KeyEvent(kb.Enter))
	b.reach("q")
	b.do("typing", chromedp.KeyEvent("TLS"), chromedp.WaitNotPresent(chromedp.CSS(`a[href^="/templates/postgres"]`)))
	enter("certificates")
	b.at("/templates/certificates")
	b.reach("name")
	b.arrive("pressing Enter", chromedp.KeyEvent(kb.Enter))
	b.sees("Take it to your cluster")
	b.reach("Show it")
	b.press(kb.Enter)
	b.sees("kind: Deployment")
	enter("My bindings")
	b.at("/bindings")
	b.sees("certificates.cert-manager.io")
	enter("Sign out")
	b.sees("Sign in")
}

// Without scripts everything but what is live is there.
func TestWithoutScripts(t *testing.T) {
	b := newTab(t)
	b.do("turning scripts off", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	b.open("/")
	b.signIn("alice")
	b.do("typing", chromedp.SendKeys(chromedp.CSS("#q"), "TLS"))
	b.arrive("pressing Enter", chromedp.SendKeys(chromedp.CSS("#q"), kb.Enter))
	b.at("/?q=TLS")
	b.sees("certificates")
	b.seesNot("postgres")
	b.click(`a[href="/templates/certificates"]`)
	b.click(`button[formaction*="/bundle"]:not([name])`)
	b.sees("Take it to your cluster")
	b.fits()
	if got := b.evaluate(`[...document.querySelectorAll("[data-copy]")].filter((e) => e.checkVisibility()).length`); got != "0" {
		t.Errorf("%s buttons do nothing", got)
	}
	b.click(`nav a[href="/bindings"]`)
	b.sees("certificates.cert-manager.io", "Refresh")
	b.click(".person button")
	b.sees("Sign in")
}

// TestWatching has a page do what it must not: tests that see nothing would pass.
func TestWatching(t *testing.T) {
	b := newTab(t)
	b.open("/")
	for what, script := range map[string]string{
		"an inline style":         `document.body.setAttribute("style", "color: red")`,
		"an inline script":        `document.body.append(Object.assign(document.createElement("script"), {textContent: "1"}))`,
		"a picture from afar":     `new Image().src = "http://127.0.0.1:9/x.png"`,
		"an error in the console": `console.error("no")`,
		"a broken script":         `setTimeout(() => { throw new Error("no") })`,
		"eval":                    `setTimeout("1")`,
	} {
		b.evaluate(script)
		err := wait.PollUntilContextTimeout(b.ctx, 20*time.Millisecond, timeout/4, true, func(context.Context) (bool, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return len(b.wrong) > 0, nil
		})
		if err != nil {
			t.Errorf("%s is not seen", what)
		}
		b.mu.Lock()
		b.wrong = nil
		b.mu.Unlock()
	}
}

// TestLooking has the audit look at what it must not like.
func TestLooking(t *testing.T) {
	b := newTab(t)
	b.open("/")
	for script, want := range map[string]string{
		`document.body.append(document.createElement("h1"))`:                                                              "not one h1",
		`document.querySelector("main").append(Object.assign(document.createElement("input"), {id: "i"}))`:                "no label",
		`document.querySelector("main").append(document.createElement("button"))`:                                         "says nothing",
		`document.querySelector("h1").textContent = "x".repeat(300); document.querySelector("h1").classList.add("badge")`: "px too wide",
		`document.querySelector(".lead").className = "tile"`:                                                              "contrast",
	} {
		b.evaluate("(() => { " + script + " })()")
		if got := b.evaluate(audit); !strings.Contains(got, want) {
			t.Errorf("%s: the audit says %q, want %q", script, got, want)
		}
		b.open("/")
	}
}
