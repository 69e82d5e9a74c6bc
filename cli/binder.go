// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/printable"
)

// poll is how often something is looked at that is waited for.
const poll = 250 * time.Millisecond

// binder is what the ways to bind have in common.
type binder struct {
	*cli
	output
	yes               bool
	skipKonnector     bool
	konnectorImage    string
	providerAddress   string
	dryRun            string
	timeout           time.Duration
	clusterIdentity   string
	identityNamespace string
	downgrade         bool
	refuse            []string
}

func newBinder(c *cli) *binder {
	return &binder{cli: c, timeout: 10 * time.Minute, identityNamespace: identityNamespace, dryRun: "none"}
}

func (b *binder) addFlags(cmd *cobra.Command) {
	b.addFlag(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&b.yes, "yes", "y", false, "Agree to what the provider asks for, without being asked.")
	fs.BoolVar(&b.skipKonnector, "skip-konnector", false, "Do not deploy the konnector: somebody else does. It is given the rights for the binding all the same, if you may give them.")
	fs.StringVar(&b.konnectorImage, "konnector-image", "", "Image of the konnector. Default: the one of this program's version.")
	fs.StringVar(&b.providerAddress, "provider-address", "", "URL at which this machine reaches the provider's API server. Default: the one that the konnector uses.")
	fs.StringVarP(&b.dryRun, "dry-run", "d", b.dryRun, `"client" writes nothing to your cluster, and prints everything that kubectl apply needs to bind (with -o yaml or json). The place at the provider is made.`)
	fs.Lookup("dry-run").NoOptDefVal = "client"
	fs.DurationVar(&b.timeout, "timeout", b.timeout, "How long to wait for everything.")
	fs.StringVar(&b.clusterIdentity, "cluster-identity", "", "What your cluster is known to the provider as. Default: the UID of --cluster-identity-namespace.")
	fs.StringVar(&b.identityNamespace, "cluster-identity-namespace", b.identityNamespace, "Namespace whose UID is your cluster's identity.")
	fs.BoolVar(&b.downgrade, "downgrade-konnector", false, "Deploy the konnector of this program's version also where a newer one runs.")
	fs.StringSliceVar(&b.refuse, "refuse-claim", nil, "Resources (secrets, configmaps, ...) that the provider claims and does not get.")
	fixed(cmd, "dry-run", "none", "client")
	completeFlag(cmd, "refuse-claim", noFiles(b.claimed))
}

func (b *binder) validate() error {
	if b.dryRun != "none" && b.dryRun != "client" {
		return usage("--dry-run=%q: must be none or client", b.dryRun)
	}
	if u, err := url.Parse(b.providerAddress); b.providerAddress != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		return usage("--provider-address=%q: must be a URL such as https://127.0.0.1:6443", b.providerAddress)
	}
	if b.dry() && b.format == "" {
		b.format = "yaml"
	}
	return b.output.validate()
}

func (b *binder) dry() bool { return b.dryRun == "client" }

// consumerIdentity is what the cluster is known as. A dry run does not need the cluster: who binds is then known by name.
func (b *binder) consumerIdentity(ctx context.Context) (string, error) {
	if b.clusterIdentity != "" {
		return b.clusterIdentity, nil
	}
	consumer, err := b.consumer()
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		var identity string
		if identity, err = identityOf(ctx, consumer, b.identityNamespace); err == nil {
			return identity, nil
		}
	}
	if b.dry() {
		b.say("Your cluster cannot be reached: the binding is for you, on any cluster. --cluster-identity tells clusters apart.")
		return "", nil
	}
	return "", err
}

// uiIdentity stands for whoever is signed in.
const uiIdentity = "ui-identity"

// wanted is a template to bind.
type wanted struct {
	template, name, identity string
}

// agree shows what the provider asks for and, if the person agrees, gets the contract.
func (b *binder) agree(ctx context.Context, server *backendclient.Client, w wanted) (*install.Contract, error) {
	list, err := server.Templates(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list.Items, func(t kubebindv1alpha2.APIServiceExportTemplate) bool { return t.Name == w.template })
	if i < 0 {
		return nil, exit(ExitRefused, fmt.Errorf("there is no template %q that you may bind", w.template), "See: kubectl bind templates")
	}
	if err := b.consent(ctx, &list.Items[i].Spec, w.name); err != nil {
		return nil, err
	}
	request := &kubebindv1alpha2.BindableResourcesRequest{TypeMeta: typeMeta("BindableResourcesRequest")}
	request.Name = w.name
	request.Spec.TemplateRef = &kubebindv1alpha2.TemplateReference{Name: w.template}
	request.Spec.Author = "kubectl-bind"
	request.Spec.ClusterIdentity.Identity = orElse(w.identity, uiIdentity)
	response, err := server.Bind(ctx, request, "")
	if err != nil {
		return nil, err
	}
	out, err := contractOf(response)
	if err != nil {
		return nil, err
	}
	if names := requested(out); !slices.Equal(names, []string{w.name}) {
		// What is not called so was not agreed to, and may be the name of another provider's binding.
		return nil, exit(ExitRefused, fmt.Errorf("the provider was asked for %s, and answers with %q: nothing was written to your cluster", w.name, names),
			"Show this to the provider's administrator, with what kubectl bind version prints.")
	}
	if shown(&list.Items[i].Spec, out) {
		return out, nil
	}
	b.say("The provider now asks for something else than it has shown:")
	return out, b.confirmRequests(ctx, out)
}

// contractOf reads the answer to a bind, which has something to ask for.
func contractOf(response *kubebindv1alpha2.BindingResourceResponse) (*install.Contract, error) {
	out, err := install.FromResponse(response)
	if err == nil && len(out.Requests) == 0 {
		return nil, exit(ExitFailed, errors.New("the server's answer is not complete: it names nothing to ask for"), "Show this to the provider's administrator, with what kubectl bind version prints.")
	}
	return out, err
}

// conclude makes what the provider has agreed to at the provider, and then in the consumer; a dry run prints the latter.
func (b *binder) conclude(ctx context.Context, c *install.Contract) (err error) {
	defer func() {
		if err != nil {
			b.say("%s", left(c))
		}
	}()
	wanted, err := b.bindings(ctx, c)
	if err != nil {
		return err
	}
	if !c.Exported {
		if err := b.export(ctx, c); err != nil {
			return err
		}
	}
	if b.dry() {
		return b.printBundle(c, wanted)
	}
	consumer, err := b.consumer()
	if err != nil {
		return err
	}
	if err := b.install(ctx, consumer, c, wanted); err != nil {
		return err
	}
	bindings, err := b.createBindings(ctx, consumer, c, wanted)
	if err != nil {
		return err
	}
	b.say("Resources bound successfully!")
	if b.format == "" {
		for _, binding := range bindings.Items {
			fmt.Fprintf(b.Out, "  - %s\n", binding.Name)
		}
		return nil
	}
	return b.print(b.Out, b.ErrOut, bindings, b.bindingTable())
}

func (b *binder) bindingTable() table {
	return table{
		columns: []string{"NAME", "PROVIDER", "READY", "AGE"},
		row: func(item *unstructured.Unstructured) []string {
			provider, _, _ := unstructured.NestedString(item.Object, "status", "providerPrettyName")
			return []string{item.GetName(), orElse(provider, "<unknown>"), readiness(item), age(item, b.Now())}
		},
	}
}

// readiness is the status of the condition Ready.
func readiness(item *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(item.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == kubebindv1alpha2.ConditionReady {
			return fmt.Sprint(condition["status"])
		}
	}
	return string(metav1.ConditionUnknown)
}

// ready looks at a binding, and says what it waits for.
func ready(ctx context.Context, consumer client.Client, binding *kubebindv1alpha2.APIServiceBinding) (bool, string, error) {
	if err := consumer.Get(ctx, client.ObjectKeyFromObject(binding), binding); err != nil {
		return false, "", err
	}
	c := kubebindv1alpha2.FindCondition(binding.Status.Conditions, kubebindv1alpha2.ConditionReady)
	if c == nil {
		return false, "no konnector has looked at the binding yet", nil
	}
	// What the export has, works.
	bound := c.Status == metav1.ConditionTrue || c.Reason == kubebindv1alpha2.ReasonResourceWithdrawn
	return bound, c.Reason + ": " + c.Message, nil
}

// await looks until it is so. Who waits for too long learns what for.
func (b *binder) await(ctx context.Context, what string, look func(context.Context) (bool, string, error)) error {
	last := ""
	shown := b.waiting()
	defer shown.stop()
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		done, message, err := look(ctx)
		last = orElse(printable.Line(message), last)
		if err == nil && !done {
			shown.say(message)
		}
		return done, err
	})
	if err != nil && ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return exit(ExitTimeout, fmt.Errorf("waiting for %s took longer than %s: %s", what, b.timeout, last), "Run the command again; --timeout waits longer. See also: kubectl bind status")
	}
	return err
}

// retryNoMatch waits for an API that is just being installed.
func retryNoMatch(ctx context.Context, f func() error) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, poll, true, func(context.Context) (bool, error) {
		last = f()
		return !meta.IsNoMatchError(last) && !apierrors.IsNotFound(last), nil
	})
	if err != nil {
		return exit(ExitTimeout, fmt.Errorf("the konnector has not installed its APIs in time: %w", last), "Is a konnector running in your cluster? Without --skip-konnector it is deployed.")
	}
	return last
}
