// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"k8s.io/apimachinery/pkg/util/wait"

	"kube-bind.io/kube-bind/backend/auth/issuer"
)

// Widths of windows.
const (
	desktop = 1280
	phone   = 360
)

// tab is a tab of a browser with a profile of its own. What goes wrong in it fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context
	// status is that of the page.
	status int64

	mu sync.Mutex
	// wrong is what has gone wrong.
	wrong []string
	// elsewhere are origins that may be gone to.
	elsewhere []string
	// refused says that pages may answer with errors, which browsers write to the console.
	refused bool
	// away says that there may be no network, which htmx writes to the console.
	away bool
}

// newTab opens a tab, and watches it until the test ends.
func newTab(t *testing.T, elsewhere ...string) *tab {
	t.Helper()
	if err := chromedp.Do(world.chromium); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	ctx, cancel := chromedp.NewContext(world.chromium, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	ctx, cancelTime := context.WithTimeout(ctx, timeout)
	b := &tab{t: t, ctx: ctx, elsewhere: append(elsewhere, world.origin)}
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.settle()
		if t.Failed() {
			t.Logf("the page was\n%s", b.evaluate(`location.href + "\n" + document.body.innerText`))
		}
		cancelTime()
		cancel()
	})
	b.do("watching", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, network := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		_, log := cdp.Call(ctx, target, cdplog.Enable, cdp.Empty{})
		_, audits := cdp.Call(ctx, target, audits.Enable, cdp.Empty{})
		return errors.Join(network, log, audits)
	}))
	b.window(desktop, "light")
	return b
}

// watch takes note of what must not be.
func (b *tab) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "a script failed: "+fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if b.away && strings.Contains(consoleText(e), "htmx:") {
			return
		}
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			b.wrong = append(b.wrong, fmt.Sprintf("a script says %s: %s", e.Type, consoleText(e)))
		}
	case *cdplog.EventEntryAdded:
		answered := b.refused && strings.Contains(e.Entry.Text, "the server responded with a status of 4")
		away := b.away && strings.Contains(e.Entry.Text, "net::ERR_INTERNET_DISCONNECTED")
		quiet := e.Entry.Level == cdplog.EntryLevelVerbose || e.Entry.Level == cdplog.EntryLevelInfo
		if !quiet && (e.Entry.Source != cdplog.EntrySourceNetwork || !answered && !away) {
			b.wrong = append(b.wrong, fmt.Sprintf("the browser says (%s): %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
			b.wrong = append(b.wrong, fmt.Sprintf("the policy is violated: %+v", e.Issue.Details.ContentSecurityPolicyIssueDetails))
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && !slices.Contains(b.elsewhere, u.Scheme+"://"+u.Host) {
			b.wrong = append(b.wrong, "a request goes to "+e.Request.URL)
		}
	}
}

func consoleText(e *runtime.EventConsoleAPICalled) string {
	var words []string
	for _, arg := range e.Args {
		words = append(words, string(arg.Value)+arg.Description)
	}
	return strings.Join(words, " ")
}

// offline takes the network away, or gives it back.
func (b *tab) offline(away bool) {
	b.t.Helper()
	b.mu.Lock()
	b.away = b.away || away
	b.mu.Unlock()
	b.do("taking the network away", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: away, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		return err
	}))
}

// settle fails the test for what has gone wrong.
func (b *tab) settle() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, wrong := range b.wrong {
		b.t.Error(wrong)
	}
	b.wrong = nil
}

// do does what somebody does in a browser, or fails the test.
func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// allow lets the tab go to where the program waits that made an address.
func (b *tab) allow(t *testing.T, address string) {
	t.Helper()
	at, err := url.Parse(address)
	if err == nil {
		at, err = url.Parse(at.Query().Get("redirect_url"))
	}
	if err != nil || at.Host == "" {
		t.Fatalf("%s leads back to nowhere: %v", address, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.elsewhere = append(b.elsewhere, at.Scheme+"://"+at.Host)
}

// open goes to an address of ours.
func (b *tab) open(path string) {
	b.t.Helper()
	b.arrive("opening "+path, chromedp.Navigate(world.origin+path))
}

// click goes where a link or a button leads to.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.arrive("clicking "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// arrive waits for the page that actions lead to.
func (b *tab) arrive(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, actions...)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	if response != nil {
		b.status = response.Status
	}
}

// window sets the width of the window and the scheme of colours: light or dark.
func (b *tab) window(width int64, scheme string) {
	b.t.Helper()
	b.do("setting the window", chromedp.EmulateViewport(width, 900),
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}})
			return err
		}))
}

// evaluate returns what an expression is, as text.
func (b *tab) evaluate(expression string) string {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
	if err != nil {
		b.t.Errorf("%s: %v", expression, err)
	}
	return out
}

// sees wants the visible text of the page to have these, now or soon.
func (b *tab) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.eventually(fmt.Sprintf(`document.body.innerText.includes(%q)`, text), "true")
	}
}

// eventually waits until an expression is this.
func (b *tab) eventually(expression, want string) {
	b.t.Helper()
	var got string
	err := wait.PollUntilContextTimeout(b.ctx, 50*time.Millisecond, timeout/2, true, func(ctx context.Context) (bool, error) {
		var err error
		got, err = chromedp.Run(ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
		return err == nil && got == want, nil
	})
	if err != nil {
		b.t.Fatalf("%s is %q, want %q: %v", expression, got, want, err)
	}
}

// seesNot wants the visible text of the page not to have these.
func (b *tab) seesNot(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if b.evaluate(fmt.Sprintf(`document.body.innerText.includes(%q)`, text)) != "false" {
			b.t.Errorf("there is %q", text)
		}
	}
}

// at wants the address to be a path of ours.
func (b *tab) at(path string) {
	b.t.Helper()
	if got := b.evaluate(`location.pathname + location.search`); got != path {
		b.t.Errorf("the browser is at %s, want %s", got, path)
	}
}

// signIn goes from the page that is open to the issuer, and back.
func (b *tab) signIn(name string) {
	b.t.Helper()
	b.click("main a.button")
	b.fillIn(name)
}

// fillIn fills in the issuer's form.
func (b *tab) fillIn(name string) {
	b.t.Helper()
	for _, u := range issuer.DefaultUsers() {
		if u.Name == name {
			b.do("filling in the form", chromedp.SetValue(chromedp.CSS("#name"), u.Name), chromedp.SetValue(chromedp.CSS("#password"), u.Password))
		}
	}
	b.click("main button")
}

// mistypes gives the issuer's form a wrong password.
func (b *tab) mistypes(name string) {
	b.t.Helper()
	b.refused = true
	b.do("filling in the form", chromedp.SetValue(chromedp.CSS("#name"), name), chromedp.SetValue(chromedp.CSS("#password"), "wrong"))
	b.click("main button")
	b.eventually(`document.querySelector("#problem").checkVisibility()`, "true")
	b.fits()
	b.refused = false
}

// press presses a key.
func (b *tab) press(key string) {
	b.t.Helper()
	b.do("pressing a key", chromedp.KeyEvent(key))
}

// picture writes a screenshot for the documentation, of what is in the window.
func (b *tab) picture(name string) {
	b.t.Helper()
	if !*update {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("../../docs/images", name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
