// SPDX-License-Identifier: Apache-2.0

package http

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/binding"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/backend/reply"
	"kube-bind.io/kube-bind/providers"
)

const (
	// uiIdentity is the identity that a browser gives: it stands for whoever is signed in.
	uiIdentity = "ui-identity"
	// placeTimeout and exportTimeout are how long a client waits for its place, and a browser for its export.
	placeTimeout  = 20 * time.Second
	exportTimeout = 60 * time.Second
)

// wish is a bind call, checked.
type wish struct {
	name, template string
	consumer       providers.Consumer
	// browser says that nobody is there to ask for the export with the kubeconfig: it is done here.
	browser bool
}

// bind answers a client that binds.
func (d *Door) bind(w http.ResponseWriter, r *http.Request, v visit) error {
	want, err := parseWish(r, v)
	if err != nil {
		return err
	}
	response, err := d.fulfil(r.Context(), v, want)
	if err != nil {
		return err
	}
	reply.JSON(w, r, response)
	return nil
}

// fulfil gives a consumer its place with a template granted, and says what to ask for there.
func (d *Door) fulfil(ctx context.Context, v visit, want wish) (*kubebindv1alpha2.BindingResourceResponse, error) {
	template, err := d.allowed(ctx, v, want.template)
	if err != nil {
		return nil, err
	}
	place, scope, err := d.place(ctx, v, want)
	if err != nil {
		return nil, err
	}
	request := &kubebindv1alpha2.APIServiceExportRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: want.name}, Spec: catalog.RequestFor(&template.Spec),
	}
	response, err := responseTo(v, place, request)
	if err != nil {
		return nil, err
	}
	if want.browser {
		if err := export(ctx, scope, request); err != nil {
			return nil, err
		}
		response.BindingName = want.name
	}
	return response, nil
}

func parseWish(r *http.Request, v visit) (wish, error) {
	body := &kubebindv1alpha2.BindableResourcesRequest{}
	if err := reply.Decode(r, body); err != nil {
		return wish{}, err
	}
	if body.Spec.TemplateRef == nil || body.Spec.TemplateRef.Name == "" {
		return wish{}, badRequest("Missing spec.templateRef.name")
	}
	consumer := body.Spec.ClusterIdentity
	if consumer.Identity == "" {
		return wish{}, badRequest("Missing cluster identity")
	}
	browser := consumer.Identity == uiIdentity
	if browser {
		consumer.Identity = ownIdentity(v)
	}
	if id := r.URL.Query().Get("consumer_id"); id != "" {
		consumer.Identity = id
	}
	out, err := newWish(v, body.Name, body.Spec.TemplateRef.Name, consumer)
	out.browser = browser
	return out, err
}

// newWish checks names and identities.
func newWish(v visit, name, template string, consumer kubebindv1alpha2.ClusterIdentity) (wish, error) {
	name = cmp.Or(name, template)
	for field, name := range map[string]string{"metadata.name": name, "spec.templateRef.name": template} {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return wish{}, badRequest("%s %q: %s", field, name, strings.Join(problems, "; "))
		}
	}
	out := wish{name: name, template: template, consumer: providers.Consumer{
		Identity: consumer.Identity, Requester: v.Requester(), Author: v.Subject, PrettyName: cmp.Or(consumer.PrettyName, name),
	}}
	return out, validConsumer(out.consumer, v)
}

// validConsumer says in the terms of HTTP what is wrong with a consumer.
func validConsumer(consumer providers.Consumer, v visit) error {
	err := binding.CheckConsumer(consumer, v.Issuer, ownIdentity(v))
	if invalid, ok := errors.AsType[*providers.InvalidConsumerError](err); ok {
		return badRequest("%s", invalid)
	}
	if taken, ok := errors.AsType[*providers.IdentityTakenError](err); ok {
		return forbidden("The cluster identity %q is that of another person.", taken.Identity)
	}
	return err
}

// ownIdentity is that of a consumer which is only known by who signed in.
func ownIdentity(v visit) string { return binding.PersonalIdentity(v.Issuer, v.Subject) }

// allowed returns a template that somebody may bind, if it can be bound now.
func (d *Door) allowed(ctx context.Context, v visit, name string) (*kubebindv1alpha2.APIServiceExportTemplate, error) {
	template, err := d.template(ctx, v, name)
	if err != nil {
		return nil, err
	}
	if c := kubebindv1alpha2.FindCondition(template.Status.Conditions, kubebindv1alpha2.ConditionReady); c != nil && c.Status == metav1.ConditionFalse {
		return nil, badRequest("The template %q cannot be bound now: %s", name, c.Message)
	}
	return template, nil
}

// template returns a template that somebody may bind. Who may not does not learn whether it exists.
func (d *Door) template(ctx context.Context, v visit, name string) (*kubebindv1alpha2.APIServiceExportTemplate, error) {
	may, err := d.access.MayBind(ctx, v.scope, v.Session, name)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, forbidden("You may not bind the template %q; the provider's administrator can allow it (verb bind on apiserviceexporttemplates).", name)
	}
	template := &kubebindv1alpha2.APIServiceExportTemplate{}
	if err := v.scope.Live.Get(ctx, client.ObjectKey{Name: name}, template); apierrors.IsNotFound(err) {
		return nil, notFound("There is no template %q.", name)
	} else if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	return template, nil
}

// place says in the terms of HTTP what can be wrong with a place.
func (d *Door) place(ctx context.Context, v visit, want wish) (*providers.Place, loop.Scope, error) {
	ctx, cancel := context.WithTimeout(ctx, placeTimeout)
	defer cancel()
	place, scope, err := binding.Place(ctx, d.fleet, v.scope, want.consumer, want.template)
	if taken, ok := errors.AsType[*providers.IdentityTakenError](err); ok {
		return nil, loop.Scope{}, forbidden("%s; whoever bound this cluster first can bind more, or the provider's administrator can make the place yours.", taken)
	}
	if invalid, ok := errors.AsType[*providers.InvalidConsumerError](err); ok {
		return nil, loop.Scope{}, badRequest("%s", invalid)
	}
	if foreign, ok := errors.AsType[*providers.ForeignError](err); ok {
		return nil, loop.Scope{}, forbidden("%s; ask the provider's administrator.", foreign)
	}
	return place, scope, err
}

func responseTo(v visit, place *providers.Place, request *kubebindv1alpha2.APIServiceExportRequest) (*kubebindv1alpha2.BindingResourceResponse, error) {
	raw, err := json.Marshal(kubebindv1alpha2.APIServiceExportRequestResponse{
		TypeMeta:       metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "APIServiceExportRequest"},
		NameObjectMeta: kubebindv1alpha2.NameObjectMeta{Name: request.Name},
		Spec:           request.Spec,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the request for the export: %w", err)
	}
	return &kubebindv1alpha2.BindingResourceResponse{
		TypeMeta: metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "BindingResourceResponse"},
		Authentication: kubebindv1alpha2.BindingResponseAuthentication{
			OAuth2CodeGrant: &kubebindv1alpha2.BindingResponseOAuth2CodeGrant{SessionID: v.ID, ID: ownIdentity(v)},
		},
		Kubeconfig:        place.Kubeconfig,
		Requests:          []runtime.RawExtension{{Raw: raw}},
		ProviderNamespace: place.Namespace,
	}, nil
}

// export asks for the export, in place of a client with the kubeconfig.
func export(ctx context.Context, scope loop.Scope, want *kubebindv1alpha2.APIServiceExportRequest) error {
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	have, err := binding.Request(ctx, scope, want)
	if have != nil && !equality.Semantic.DeepEqual(have.Spec, want.Spec) {
		return badRequest("You have a binding %q of something else; choose another name.", want.Name)
	}
	if err != nil {
		return err
	}
	if have.Status.Phase == kubebindv1alpha2.PhaseFailed {
		return badRequest("The provider refuses the export: %s", have.Status.TerminalMessage)
	}
	return nil
}
