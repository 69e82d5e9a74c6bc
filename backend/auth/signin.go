// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/reply"
)

const (
	// CallbackPath is where the OpenID provider sends browsers back to.
	CallbackPath = "/api/callback"
	// loginCookie is the start of the name of a cookie that holds a login under way. The start of its state follows. No
	// session's begins like that.
	loginCookie = "kube-bind.login-"
	// maxLogins is how many logins may be under way in a browser. All its cookies are in each of its requests.
	maxLogins = 8
	// loginLifetime is how long a login may take.
	loginLifetime = 10 * time.Minute
	// codeLifetime is how long a person has to carry a code from a browser to a terminal.
	codeLifetime = 5 * time.Minute
	// stateInName is how much of the state is in the name of a login's cookie, for logins in several tabs.
	stateInName = 8
	// usedCode starts what a code is revoked as; the id of its session follows.
	usedCode = "code-"
	// clientProgram is the client_type of a program with a browser beside it.
	clientProgram = "cli"
	// maxParameter is how long a parameter may be.
	maxParameter = 2048
)

// Options say how people sign in.
type Options struct {
	// Origin is where browsers find the backend: scheme and host.
	Origin *url.URL
	// OpenID is the provider.
	OpenID OpenID
	// Prefixes are put before names.
	Prefixes Prefixes
	// Lifetime of a session.
	Lifetime time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// SignIn serves the routes of the sign-in, and knows who sends a request.
type SignIn struct {
	opts        Options
	openID      *openID
	sealer      *sealer
	revocations Revocations
	metrics     *prometheus.CounterVec
}

// New returns a SignIn.
func New(opts Options, keys *Keys, revocations Revocations) *SignIn {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.OpenID.Client == nil {
		opts.OpenID.Client = &http.Client{Timeout: providerTimeout}
	}
	return &SignIn{
		opts: opts, openID: &openID{OpenID: opts.OpenID},
		sealer: &sealer{keys: keys, now: opts.Now}, revocations: revocations, metrics: newMetrics(),
	}
}

// Request is what a client asks the sign-in for. Parameters and their names are upstream's, but for code_challenge.
type Request struct {
	// RedirectURL is where the browser goes in the end: a page of ours, or a program on the browser's machine.
	RedirectURL string `json:"redirect_url"`
	// SessionID is the client's own name for this login. A program gets it back.
	SessionID string `json:"session_id"`
	// Cluster is the logical cluster to sign in to.
	Cluster string `json:"cluster_id,omitempty"`
	// ClientType is "cli" for a program, and "ui" or "" for a browser.
	ClientType string `json:"client_type,omitempty"`
	// ConsumerID is the consumer that a browser is to bind for. It is not used here.
	ConsumerID string `json:"consumer_id,omitempty"`
	// CodeChallenge makes the program's answer a code, which Token exchanges for whoever knows the verifier of this S256
	// challenge (RFC 7636). Without it the token itself is in the answer's URL, as upstream's clients know it.
	CodeChallenge string `json:"code_challenge,omitempty"`
}

// login is one that is under way.
type login struct {
	Request
	State    string `json:"st"`
	Nonce    string `json:"no"`
	Verifier string `json:"ve"`
}

// code is what a program gets a token for.
type code struct {
	Session   Session `json:"ses"`
	Challenge string  `json:"cha"`
}

func badRequest(format string, args ...any) error {
	return &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeBadRequest, Message: fmt.Sprintf(format, args...)}
}

// unreachable says what people can do. Addresses behind the provider's wall are for the log.
func unreachable() error {
	return &kubebindv1alpha2.Error{
		Code:    kubebindv1alpha2.ErrorCodeClusterConnectionFailed,
		Message: "The OpenID provider cannot be reached; try again later, or tell the provider's administrator.",
	}
}

// Authorize begins a login: it sends the browser to the OpenID provider.
func (s *SignIn) Authorize(w http.ResponseWriter, r *http.Request) {
	target, err := s.begin(w, r)
	s.refused(err)
	if err != nil {
		reply.Error(w, r, err)
		return
	}
	http.Redirect(w, r, target, http.StatusFound)
}

func (s *SignIn) begin(w http.ResponseWriter, r *http.Request) (target string, err error) {
	request, err := parseRequest(r)
	if err != nil {
		return "", err
	}
	redirect, err := redirectTarget(s.opts.Origin, request.RedirectURL, request.ClientType == clientProgram)
	if err != nil {
		return "", badRequest("%s", err)
	}
	request.RedirectURL = redirect.String()
	l := login{Request: *request, State: random(), Nonce: random(), Verifier: random() + random()}
	target, err = s.openID.loginURL(r.Context(), l.State, l.Nonce, l.Verifier)
	if err != nil {
		ctrl.LoggerFrom(r.Context()).Error(err, "nobody can sign in")
		return "", unreachable()
	}
	expires := s.opts.Now().Add(loginLifetime)
	value, err := s.sealer.seal(r.Context(), kindLogin, l, expires)
	if err != nil {
		return "", err
	}
	if len(value) > maxCookie {
		return "", badRequest("redirect_url, session_id, cluster_id and consumer_id are too long together")
	}
	s.forget(w, r)
	http.SetCookie(w, s.cookie(s.loginCookie(l.State), value, expires))
	return target, nil
}

// loginCookie is the name of the cookie of a login.
func (s *SignIn) loginCookie(state string) string { return s.named(loginCookie + state[:stateInName]) }

// forget has a browser drop the oldest logins that never ended if there are too many: whoever has a person's browser begin one
// after the other would fill its requests until they are too long to be answered.
func (s *SignIn) forget(w http.ResponseWriter, r *http.Request) {
	var begun []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, s.named(loginCookie)) {
			begun = append(begun, cookie.Name)
		}
	}
	for len(begun) >= maxLogins {
		http.SetCookie(w, s.cookie(begun[0], "", time.Time{}))
		begun = begun[1:]
	}
}

func parseRequest(r *http.Request) (*Request, error) {
	out := &Request{}
	if r.Method == http.MethodPost {
		if err := reply.Decode(r, out); err != nil {
			return nil, err
		}
	} else {
		q := r.URL.Query()
		*out = Request{
			RedirectURL: q.Get("redirect_url"), SessionID: q.Get("session_id"), Cluster: q.Get("cluster_id"),
			ClientType: q.Get("client_type"), ConsumerID: q.Get("consumer_id"), CodeChallenge: q.Get("code_challenge"),
		}
	}
	if out.RedirectURL == "" || out.SessionID == "" {
		return nil, badRequest("missing redirect_url or session_id")
	}
	for name, value := range map[string]string{
		"redirect_url": out.RedirectURL, "session_id": out.SessionID, "cluster_id": out.Cluster, "consumer_id": out.ConsumerID,
	} {
		if len(value) > maxParameter {
			return nil, badRequest("%s is longer than %d characters", name, maxParameter)
		}
	}
	switch out.ClientType {
	case "", "ui", clientProgram:
	default:
		return nil, badRequest("client_type must be ui or cli")
	}
	if out.CodeChallenge != "" {
		if sum, err := base64.RawURLEncoding.DecodeString(out.CodeChallenge); err != nil || len(sum) != sha256.Size {
			return nil, badRequest("code_challenge must be the S256 of a verifier")
		}
	}
	return out, nil
}

// Callback ends a login: the OpenID provider sends the browser here.
func (s *SignIn) Callback(w http.ResponseWriter, r *http.Request) {
	l, err := s.underWay(r)
	s.refused(err)
	if err != nil {
		reply.Error(w, r, err)
		return
	}
	http.SetCookie(w, s.cookie(s.loginCookie(l.State), "", time.Time{}))
	target, err := s.finish(w, r, l)
	s.ended(err)
	if err != nil {
		s.fail(w, r, l, err)
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, target, http.StatusFound)
}

// underWay returns the login that this browser began. Another browser's is not taken over (login CSRF).
func (s *SignIn) underWay(r *http.Request) (*login, error) {
	state := r.URL.Query().Get("state")
	lost := badRequest("This sign-in was not begun in this browser, or more than %s ago; begin again.", loginLifetime)
	if len(state) < stateInName {
		return nil, lost
	}
	cookie, err := r.Cookie(s.loginCookie(state))
	if err != nil {
		return nil, lost
	}
	l := &login{}
	if err := s.sealer.open(r.Context(), kindLogin, cookie.Value, l); errors.Is(err, ErrNotOurs) {
		return nil, lost
	} else if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(l.State), []byte(state)) != 1 {
		return nil, lost
	}
	return l, nil
}

// finish returns where the browser goes with what its person has got.
func (s *SignIn) finish(w http.ResponseWriter, r *http.Request, l *login) (target string, err error) {
	q := r.URL.Query()
	if e := q.Get("error"); e != "" {
		return "", unauthenticated(fmt.Sprintf("The OpenID provider says: %s %s", e, q.Get("error_description")))
	}
	who, err := s.openID.exchange(r.Context(), q.Get("code"), l.Nonce, l.Verifier)
	if err != nil {
		ctrl.LoggerFrom(r.Context()).Info("a sign-in failed", "error", err.Error())
		if _, away := errors.AsType[*url.Error](err); away {
			return "", unreachable()
		}
		return "", unauthenticated("The OpenID provider's answer cannot be used; begin again. " + err.Error())
	}
	if _, err := s.opts.Prefixes.User(who.username, who.groups); err != nil {
		return "", &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeAuthorizationFailed, Message: err.Error()}
	}
	session := &Session{
		ID: random(), Issuer: s.opts.OpenID.Issuer, Subject: who.subject, Username: who.username, Name: who.name, Groups: who.groups,
		Cluster: l.Cluster, Program: l.ClientType == clientProgram, Expires: s.opts.Now().Add(s.opts.Lifetime).Truncate(time.Second),
	}
	redirect, err := url.Parse(l.RedirectURL)
	if err != nil {
		return "", fmt.Errorf("reading our own redirect: %w", err)
	}
	answer := url.Values{}
	if session.Program {
		// In a browser it may be that of a program which the page is for.
		answer.Set("session_id", l.SessionID)
	}
	if l.Cluster != "" {
		answer.Set("cluster_id", l.Cluster)
	}
	switch {
	case !session.Program:
		err = s.setSession(r.Context(), w, session)
	case l.CodeChallenge != "":
		err = s.giveCode(r, session, l, answer)
	default:
		err = s.giveToken(r, session, answer)
	}
	return WithQuery(redirect, answer), err
}

func (s *SignIn) giveCode(r *http.Request, session *Session, l *login, answer url.Values) error {
	sealed, err := s.sealer.seal(r.Context(), kindCode, code{Session: *session, Challenge: l.CodeChallenge}, s.opts.Now().Add(codeLifetime))
	answer.Set("code", sealed)
	return err
}

func (s *SignIn) giveToken(r *http.Request, session *Session, answer url.Values) error {
	token, err := s.sealer.seal(r.Context(), kindToken, session, session.Expires)
	answer.Set("access_token", token)
	answer.Set("token_type", "Bearer")
	answer.Set("expires_in", strconv.Itoa(s.left(session)))
	return err
}

func (s *SignIn) left(session *Session) int {
	return int(session.Expires.Sub(s.opts.Now()) / time.Second)
}

// fail tells a program's own page what went wrong, or else the browser.
func (s *SignIn) fail(w http.ResponseWriter, r *http.Request, l *login, err error) {
	known, ok := errors.AsType[*kubebindv1alpha2.Error](err)
	target, parseErr := url.Parse(l.RedirectURL)
	if !ok || parseErr != nil || l.ClientType != clientProgram {
		reply.Error(w, r, err)
		return
	}
	http.Redirect(w, r, WithQuery(target, url.Values{
		"error": {known.Code}, "error_description": {known.Error()}, "session_id": {l.SessionID},
	}), http.StatusFound)
}

// tokenRequest is the body of Token.
type tokenRequest struct {
	Code         string `json:"code"`
	CodeVerifier string `json:"code_verifier"`
}

// TokenResponse is a program's token.
type TokenResponse struct {
	// AccessToken is to be sent as "Authorization: Bearer".
	AccessToken string `json:"access_token"`
	// TokenType is "Bearer".
	TokenType string `json:"token_type"`
	// ExpiresIn is how long it is good for, in seconds.
	ExpiresIn int `json:"expires_in"`
	// Cluster is the logical cluster that it is for.
	Cluster string `json:"cluster_id,omitempty"`
	// Name is who signed in, for people.
	Name string `json:"name,omitempty"`
}

// Token exchanges a code for a token, for the program that began the login, and once.
func (s *SignIn) Token(w http.ResponseWriter, r *http.Request) {
	answer, err := s.exchange(r)
	s.refused(err)
	if err != nil {
		reply.Error(w, r, err)
		return
	}
	reply.JSON(w, r, answer)
}

func (s *SignIn) exchange(r *http.Request) (*TokenResponse, error) {
	var request tokenRequest
	if err := reply.Decode(r, &request); err != nil {
		return nil, err
	}
	var c code
	err := s.sealer.open(r.Context(), kindCode, request.Code, &c)
	sum := sha256.Sum256([]byte(request.CodeVerifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if errors.Is(err, ErrNotOurs) || err == nil && subtle.ConstantTimeCompare([]byte(challenge), []byte(c.Challenge)) != 1 {
		err = unauthenticated("The code is not valid for this program, or has expired; sign in again.")
	}
	if err != nil {
		return nil, err
	}
	if err := s.use(r, &c); err != nil {
		return nil, err
	}
	token, err := s.sealer.seal(r.Context(), kindToken, c.Session, c.Session.Expires)
	if err != nil {
		return nil, err
	}
	return &TokenResponse{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: s.left(&c.Session), Cluster: c.Session.Cluster, Name: c.Session.Name,
	}, nil
}

// use lets a code be exchanged once, by whichever replica. A second time two have it, and one should not: the session ends (RFC
// 6749, section 4.1.2).
func (s *SignIn) use(r *http.Request, c *code) error {
	first, err := s.revocations.Revoke(r.Context(), usedCode+c.Session.ID, s.opts.Now().Add(codeLifetime))
	if err != nil || first {
		return err
	}
	if _, err := s.revocations.Revoke(r.Context(), c.Session.ID, c.Session.Expires); err != nil {
		return err
	}
	return unauthenticated("The code was used before, so its session was ended; sign in again.")
}

// Logout is End for programs.
func (s *SignIn) Logout(w http.ResponseWriter, r *http.Request) {
	if err := s.End(w, r); err != nil {
		reply.Error(w, r, err)
		return
	}
	reply.Text(w, r, "logged out")
}

// End ends the session of a request, for all replicas, and takes its cookie away. It is fine if there is none.
func (s *SignIn) End(w http.ResponseWriter, r *http.Request) error {
	cluster := r.URL.Query().Get("cluster_id")
	session, err := s.Session(r, cluster)
	if err == nil {
		_, err = s.revocations.Revoke(r.Context(), session.ID, session.Expires)
	} else if known, ok := errors.AsType[*kubebindv1alpha2.Error](err); ok && known.Code == kubebindv1alpha2.ErrorCodeAuthenticationFailed {
		err = nil
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(s.cookieFor(cluster), "", time.Time{}))
	return nil
}
