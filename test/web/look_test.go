// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"strings"
)

//go:embed testdata/audit.js
var audit string

// fits looks at the page as it is on desktops and phones, in light and in dark: nothing is wider than the window, all text has
// contrast, and what assistive technology needs is there.
func (b *tab) fits() {
	b.t.Helper()
	for _, width := range []int64{phone, desktop} {
		for _, scheme := range []string{"dark", "light"} {
			b.window(width, scheme)
			for _, wrong := range strings.Split(b.evaluate(audit), "\n") {
				if wrong != "" {
					b.t.Errorf("%s at %d px, %s: %s", b.evaluate("location.pathname"), width, scheme, wrong)
				}
			}
		}
	}
	for _, wrong := range unheard(b.listen()) {
		b.t.Errorf("%s: %s", b.evaluate("location.pathname"), wrong)
	}
	if got := b.evaluate(`getComputedStyle(document.body).fontFamily.includes("system-ui")`); got != "true" {
		b.t.Error("the style sheet is not there")
	}
}

// inDark makes a picture in the dark.
func (b *tab) inDark(name string) {
	b.t.Helper()
	b.window(desktop, "dark")
	b.picture(name)
	b.window(desktop, "light")
}

// onPhone makes a picture as on a phone.
func (b *tab) onPhone(name string) {
	b.t.Helper()
	b.window(phone, "light")
	b.picture(name)
	b.window(desktop, "light")
}

// focus returns what has the focus, by its text.
func (b *tab) focus() string {
	b.t.Helper()
	return b.evaluate(`document.activeElement.innerText || document.activeElement.id`)
}
