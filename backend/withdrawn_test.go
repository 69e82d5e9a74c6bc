// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// lag holds back what the watches of a resource say of changes of an object, and of its deletion, as a busy API server does.
type lag struct {
	resource string
	name     string
	// from is in what is held back first.
	from  string
	ended <-chan struct{}
	mu    sync.Mutex
	held  chan struct{}
}

// hold lets nothing of the object through, once it is known, until release is called.
func (l *lag) hold() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
	return sync.OnceFunc(func() { close(l.held) })
}

// wait returns when nothing is held back.
func (l *lag) wait() {
	l.mu.Lock()
	held := l.held
	l.mu.Unlock()
	if held == nil {
		return
	}
	select {
	case <-held:
	case <-l.ended:
	}
}

func (l *lag) wrap(next http.RoundTripper) http.RoundTripper { return &lagging{lag: l, next: next} }

type lagging struct {
	lag  *lag
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (l *lagging) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err == nil && r.URL.Query().Get("watch") != "" && strings.HasSuffix(r.URL.Path, "/"+l.lag.resource) {
		response.Body = &laggingBody{Closer: response.Body, lines: bufio.NewReader(response.Body), lag: l.lag}
	}
	return response, err
}

type laggingBody struct {
	io.Closer
	lines *bufio.Reader
	lag   *lag
	rest  []byte
}

// Read implements io.Reader.
func (b *laggingBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		line, err := b.lines.ReadBytes('\n')
		if len(line) == 0 {
			return 0, err
		}
		about := bytes.Contains(line, []byte(`"name":"`+b.lag.name+`"`))
		if about && !bytes.Contains(line, []byte(`"type":"ADDED"`)) && bytes.Contains(line, []byte(b.lag.from)) {
			b.lag.wait()
		}
		b.rest = line
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// A provider that withdraws an export deletes its request and then the export, or the export alone if the request is answered. It
// does not come back by a request as only the cache still has it.
func TestWithdrawnExportStaysAway(t *testing.T) {
	t.Run("with its request", func(t *testing.T) { withdraw(t, true, "") })
	t.Run("alone", func(t *testing.T) { withdraw(t, false, `"phase":"Succeeded"`) })
}

// withdraw withdraws an export while the cache has its request as it was before a change that has some text in it.
func withdraw(t *testing.T, withRequest bool, from string) {
	t.Helper()
	slow := &lag{resource: "apiserviceexportrequests", name: "again", from: from, ended: t.Context().Done()}
	start(t, func(o *backend.Options) {
		o.Config = rest.CopyConfig(o.Config)
		o.Config.Wrap(slow.wrap)
	})
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, a)
	c := bind(t, newNamespace(t, "-requests"), "first", t.Name(), template.Name)

	release := slow.hold()
	defer release()
	key := metav1.ObjectMeta{Namespace: c.namespace, Name: slow.name}
	request := create(t, c.Client, &kubebindv1alpha2.APIServiceExportRequest{
		ObjectMeta: *key.DeepCopy(),
		Spec:       kubebindv1alpha2.APIServiceExportRequestSpec{Resources: []kubebindv1alpha2.ExportedResource{a.resource()}},
	})
	export := &kubebindv1alpha2.APIServiceExport{ObjectMeta: key}
	there := func(ctx context.Context) error { return admin(t).Get(ctx, client.ObjectKeyFromObject(export), export) }
	eventually(t, "the export", there)
	withdrawn := []client.Object{request, export}
	if !withRequest {
		answered(t, c, request, kubebindv1alpha2.PhaseSucceeded, "")
		withdrawn = withdrawn[1:]
	}
	for _, each := range withdrawn {
		if err := admin(t).Delete(t.Context(), each); err != nil {
			t.Fatal(err)
		}
	}
	away := func(ctx context.Context) error {
		if err := there(ctx); !apierrors.IsNotFound(err) {
			return errors.Join(fmt.Errorf("export %s is there", export.Name), err)
		}
		return nil
	}
	never(t, "the export came back", away)
	release()
	never(t, "the export came back", away)
}

// Who binds again what the provider has withdrawn gets it again, as long as it is offered: the request of before is no answer.
func TestWithdrawnExportIsBoundAgain(t *testing.T) {
	start(t)
	a := newAPI(t, "mangos", apiextensionsv1.NamespaceScoped)
	template := newTemplate(t, "", nil, a)
	c := bind(t, newNamespace(t, "-requests"), "fruit", t.Name(), template.Name)
	before := inSync(t, c.namespace, "fruit", "")
	if err := admin(t).Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	request := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "fruit"}}
	eventually(t, "the request to go, too", func(ctx context.Context) error {
		if err := admin(t).Get(ctx, client.ObjectKeyFromObject(request), request.DeepCopy()); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("it is there"), err)
		}
		return nil
	})
	request.Spec.Resources = []kubebindv1alpha2.ExportedResource{a.resource()}
	answered(t, c, create(t, c.Client, request), kubebindv1alpha2.PhaseSucceeded, "")
	if after := inSync(t, c.namespace, "fruit", ""); after.UID == before.UID {
		t.Error("it is the export of before")
	}
}
