// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// cookieName begins the names of cookies. The rest is from the request, so that two tabs do not get in each other's way.
const cookieName = "kube-bind-sign-in-"

// Texts for people. None of them tells more than who reads it may know.
const (
	textGone  = "This sign-in is over, took longer than ten minutes, or began in another browser. Go back to where you came from, and begin again."
	textWrong = "The name or the password is wrong."
)

// showForm shows the form of a request that began in this browser.
func (i *Issuer) showForm(w http.ResponseWriter, r *http.Request) {
	if wanted, ok := i.begun(w, r); ok {
		i.pages.form(w, http.StatusOK, form{ID: wanted.id, Name: wanted.asked.LoginHint})
	}
}

// signIn looks at what was typed into the form, and sends the browser back to the client with a code.
func (i *Issuer) signIn(w http.ResponseWriter, r *http.Request) {
	wanted, ok := i.begun(w, r)
	if !ok {
		return
	}
	name := r.PostForm.Get("name")
	user, ok := i.storage.users.authenticate(name, r.PostForm.Get("password"))
	if !ok {
		i.pages.form(w, http.StatusForbidden, form{ID: wanted.id, Name: name, Problem: textWrong})
		return
	}
	if _, first := i.storage.requests.take(wanted.id); !first {
		i.pages.problem(w, http.StatusBadRequest, textGone)
		return
	}
	code := rand.Text()
	target, err := op.AuthResponseURL(wanted.GetRedirectURI(), wanted.GetResponseType(), wanted.GetResponseMode(),
		&op.CodeResponseType{Code: code, State: wanted.GetState()}, i.provider.Encoder())
	if err != nil {
		i.pages.problem(w, http.StatusInternalServerError, "The way back to the backend cannot be found.")
		return
	}
	i.storage.codes.put(code, wanted.signedIn(user, i.opts.Now()))
	http.SetCookie(w, i.cookie(wanted, -time.Second))
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// begun returns the request that a form is about, if it is still open and began in the same browser. Otherwise it answers.
func (i *Issuer) begun(w http.ResponseWriter, r *http.Request) (request, bool) {
	wanted, ok := i.storage.requests.get(r.Form.Get("id"))
	if ok {
		cookie, err := r.Cookie(i.cookie(wanted, 0).Name)
		ok = err == nil && same(cookie.Value, wanted.browser) == 1
	}
	if !ok {
		i.pages.problem(w, http.StatusBadRequest, textGone)
		return request{}, false
	}
	return wanted, true
}

// cookie tells the browser of a request from others. A negative life removes it.
func (i *Issuer) cookie(of request, life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name:     cookieName + of.id[:8],
		Value:    of.browser,
		Path:     root,
		MaxAge:   int(life.Seconds()),
		Secure:   strings.HasPrefix(i.opts.URL, "https:"),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}
