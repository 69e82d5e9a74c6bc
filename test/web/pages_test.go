// SPDX-License-Identifier: Apache-2.0

package web

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// Somebody comes, signs in, looks around, and goes.
func TestVisit(t *testing.T) {
	b := newTab(t)
	b.open("/")
	b.sees("Services of Orchard Cloud", "Sign in")
	b.fits()
	b.picture("web-welcome")
	b.signIn("alice")
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
	b.click(`nav a[href="/bindings"]`)
	b.sees("You have bound nothing yet")
	b.fits()
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
