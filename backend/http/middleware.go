// SPDX-License-Identifier: Apache-2.0

package http

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/backend/reply"
)

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observed gives each request an id, logs it, counts it, and outlives a handler that panics. Of the URL only the path is
// logged: codes and tokens are in queries.
func (d *Door) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := rand.Text()
		log := d.opts.Logger.WithValues("request", id)
		r = r.WithContext(ctrl.LoggerInto(r.Context(), log))
		w.Header().Set(reply.RequestID, id)
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				log.Error(fmt.Errorf("panic: %v", p), "a handler failed", "stack", string(debug.Stack()))
				if rec.status == 0 {
					d.fail(rec, r, errors.New("a handler failed"))
				}
			}
			took := time.Since(start)
			d.metrics.observe(r, rec.status, took)
			log.V(1).Info("answered", "method", r.Method, "path", r.URL.Path, "status", rec.status, "seconds", took.Seconds())
		}()
		next.ServeHTTP(rec, r)
	})
}

// fenced refuses what a page of another origin has a browser send (CSRF), limits bodies, and says what browsers may do with
// answers.
func (d *Door) fenced(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.fail(w, r, forbidden("The request comes from a page of another origin."))
	}))
	guarded := guard.Handler(next)
	secure := d.opts.Origin.Scheme == "https"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			h.Set("Cache-Control", "no-store")
		}
		if secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, reply.MaxBody)
		guarded.ServeHTTP(w, r)
	})
}

// visit is a request of somebody who is signed in, in a logical cluster.
type visit struct {
	*auth.Session
	scope loop.Scope
}

// signedIn is a handler for visits.
func (d *Door) signedIn(handle func(w http.ResponseWriter, r *http.Request, v visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := d.enter(r)
		if err == nil {
			err = handle(w, r, v)
		}
		if err != nil {
			d.fail(w, r, err)
		}
	})
}

// enter returns who sends a request, and where to.
func (d *Door) enter(r *http.Request) (visit, error) {
	name := r.URL.Query().Get("cluster_id")
	session, err := d.signIn.Session(r, name)
	if err != nil {
		return visit{}, err
	}
	scope, err := d.fleet.Scope(r.Context(), multicluster.ClusterName(name))
	if errors.Is(err, multicluster.ErrClusterNotFound) && name == "" {
		return visit{}, badRequest("The provider has several logical clusters: say which one, by cluster_id (kubectl bind: --cluster).")
	}
	if errors.Is(err, multicluster.ErrClusterNotFound) {
		return visit{}, notFound("There is no logical cluster %q.", name)
	}
	if err != nil {
		return visit{}, err
	}
	return visit{Session: session, scope: scope}, nil
}

// fail answers with an error: programs get JSON, people a page.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, answer := reply.Explain(w, r, err)
	d.failWith(w, r, status, answer)
}

// failWith is fail with a status that does not follow from the error.
func (d *Door) failWith(w http.ResponseWriter, r *http.Request, status int, answer *kubebindv1alpha2.Error) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		reply.ErrorWith(w, r, status, answer)
		return
	}
	d.site.Problem(w, r, status, answer)
}

func notFound(format string, args ...any) error {
	return &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeResourceNotFound, Message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeBadRequest, Message: fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) error {
	return &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeAuthorizationFailed, Message: fmt.Sprintf(format, args...)}
}
