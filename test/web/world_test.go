// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/backend/auth"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/konnector"
)

// update has the tests write screenshots.
var update = flag.Bool("update", false, "write the screenshots of the documentation")

// timeout is how long anything may take.
const timeout = 60 * time.Second

// world is what all tests share: they run one after another.
var world struct {
	origin   string
	provider client.Client
	// config has all rights in the provider.
	config *rest.Config
	// kubeconfig is a file with all rights in the consumer.
	kubeconfig string
	// chromium is the browser. Each test has a profile of its own in it.
	chromium context.Context
}

func TestMain(m *testing.M) {
	flag.Parse()
	quiet := logr.New(log.NullLogSink{})
	ctrl.SetLogger(quiet)
	klog.SetLogger(quiet)
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ended := make(chan error, 2)
	running, planes, err := begin(ctx, ended)
	defer func() {
		cancel()
		for range running {
			if err := <-ended; err != nil {
				fmt.Fprintln(os.Stderr, "a program failed:", err)
				code = 1
			}
		}
		for _, plane := range planes {
			if plane != nil {
				_ = plane.Stop()
			}
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the world:", err)
		return 1
	}
	stop := startChromium(ctx)
	defer stop()
	return m.Run()
}

// begin starts a provider with a backend, and a consumer with a konnector.
func begin(ctx context.Context, ended chan error) (running int, planes []*controlplane.ControlPlane, err error) {
	var group sync.WaitGroup
	planes = make([]*controlplane.ControlPlane, 2)
	failed := make([]error, 2)
	for i, name := range []string{"provider", "consumer"} {
		group.Go(func() { planes[i], failed[i] = controlplane.Start(ctx, controlplane.Options{Name: name}) })
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		return 0, planes, err
	}
	world.config = planes[0].Config()
	world.provider, err = clientOf(planes[0])
	if err != nil {
		return 0, planes, err
	}
	world.kubeconfig = planes[1].KubeconfigFile()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, planes, err
	}
	world.origin = "http://" + listener.Addr().String()
	b, err := backend.New(backendOptions(listener.Addr().String()))
	if err = errors.Join(err, listener.Close()); err != nil {
		return 0, planes, err
	}
	k, err := newKonnector(planes[1])
	if err != nil {
		return 0, planes, err
	}
	go func() { ended <- b.Run(ctx) }()
	go func() { ended <- k.Run(ctx) }()
	return 2, planes, errors.Join(offer(ctx), opened(ctx, world.origin))
}

// opened waits until the backend at an origin answers.
func opened(ctx context.Context, origin string) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		last = knock(ctx, origin)
		return last == nil, nil
	})
	return errors.Join(err, last)
}

func knock(ctx context.Context, origin string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func clientOf(plane *controlplane.ControlPlane) (client.Client, error) {
	scheme, err := backend.NewScheme()
	if err != nil {
		return nil, err
	}
	return client.New(plane.Config(), client.Options{Scheme: scheme})
}

func backendOptions(address string) backend.Options {
	opts := backend.NewOptions()
	opts.Config = world.config
	opts.LeaderElect = false
	opts.PrettyName = "Orchard Cloud"
	opts.Version = "v1.0.0"
	opts.FrontDoor.ListenAddress = address
	opts.FrontDoor.OIDCType = backend.OIDCEmbedded
	opts.FrontDoor.CallbackURL = "http://" + address + auth.CallbackPath
	opts.FrontDoor.ApplyBinding = true
	// Bob may bind what RBAC gives him, which is nothing.
	opts.FrontDoor.AllowedUsers = []string{"alice"}
	return opts
}

func newKonnector(plane *controlplane.ControlPlane) (*konnector.Konnector, error) {
	opts := konnector.NewOptions()
	opts.Config, opts.ServerAddress, opts.LeaseNamespace, opts.Version = plane.Config(), "0", "kube-system", "v1.0.0"
	return konnector.New(*opts)
}

// service is a template of the world.
type service struct {
	name, description string
	// files are its CRDs.
	files []string
	mod   func(*kubebindv1alpha2.APIServiceExportTemplateSpec)
}

// crdFolder is where CRDs of real projects are.
const crdFolder = "../e2e/testdata/crds/"

func services() []service {
	return []service{
		{
			name: "postgres", description: "PostgreSQL clusters with failover, backups and monitoring. You write a Cluster, and get a database with its credentials in a Secret.",
			files: []string{crdFolder + "clusters.postgresql.cnpg.io.yaml", crdFolder + "backups.postgresql.cnpg.io.yaml"},
			mod: func(spec *kubebindv1alpha2.APIServiceExportTemplateSpec) {
				spec.SchemaUpdatePolicy = kubebindv1alpha2.SchemaUpdateAlways
				spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{
					{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}, Selector: kubebindv1alpha2.Selector{
						References: []kubebindv1alpha2.SelectorReference{{
							GroupResource: kubebindv1alpha2.GroupResource{Group: "postgresql.cnpg.io", Resource: "clusters"},
							JSONPath:      kubebindv1alpha2.ReferencePath{Name: "spec.superuserSecret.name"},
						}},
					}},
					{GroupResource: kubebindv1alpha2.GroupResource{Resource: "configmaps"}, Selector: kubebindv1alpha2.Selector{
						NamedResources: []kubebindv1alpha2.NamedResource{{Name: "company-ca", Namespace: "platform"}},
					}},
				}
				spec.Namespaces = []kubebindv1alpha2.Namespace{{Name: "postgres-shared", Description: "Parameter sets that the provider keeps for all databases."}}
			},
		},
		{
			name: "certificates", description: "TLS certificates of the company's CA, renewed before they expire.",
			files: []string{crdFolder + "certificates.cert-manager.io.yaml"},
		},
		{
			name: "routes", description: "HTTP routes on the shared gateway, with names below apps.example.org.",
			files: []string{crdFolder + "httproutes.gateway.networking.k8s.io.yaml"},
		},
		{name: "cowboys", description: "Cowboys who ride the range for you.", files: []string{"../../deploy/examples/crd-cowboys.yaml"}},
		{
			name: "unicorns", description: "What nobody has seen yet.",
			mod: func(spec *kubebindv1alpha2.APIServiceExportTemplateSpec) {
				spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "example.org", Resource: "unicorns"}}}
			},
		},
	}
}

// offer makes the templates and collections of the world.
func offer(ctx context.Context) error {
	all, err := crds.Provider()
	if err != nil {
		return err
	}
	if err := crds.Install(ctx, world.provider, all); err != nil {
		return err
	}
	for _, s := range services() {
		template := &kubebindv1alpha2.APIServiceExportTemplate{}
		template.Name = s.name
		template.Spec.Description, template.Spec.Scope = s.description, kubebindv1alpha2.NamespacedScope
		for _, file := range s.files {
			crd, err := installCRD(ctx, file)
			if err != nil {
				return err
			}
			template.Spec.Resources = append(template.Spec.Resources, kubebindv1alpha2.ExportedResource{
				GroupResource: kubebindv1alpha2.GroupResource{Group: crd.Spec.Group, Resource: crd.Spec.Names.Plural},
			})
		}
		if s.mod != nil {
			s.mod(&template.Spec)
		}
		if err := world.provider.Create(ctx, template); err != nil {
			return fmt.Errorf("offering %s: %w", s.name, err)
		}
	}
	for name, templates := range map[string][]string{"data": {"postgres"}, "networking": {"certificates", "routes"}} {
		collection := &kubebindv1alpha2.Collection{}
		collection.Name = name
		collection.Spec.Description = "All that has to do with " + name + "."
		for _, t := range templates {
			collection.Spec.Templates = append(collection.Spec.Templates, kubebindv1alpha2.TemplateReference{Name: t})
		}
		if err := world.provider.Create(ctx, collection); err != nil {
			return fmt.Errorf("collecting %s: %w", name, err)
		}
	}
	return nil
}

func installCRD(ctx context.Context, file string) (*apiextensionsv1.CustomResourceDefinition, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(raw, crd); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if crd.Labels == nil {
		crd.Labels = map[string]string{}
	}
	crd.Labels[kubebindv1alpha2.ExportedLabel] = "true"
	return crd, crds.Install(ctx, world.provider, []*apiextensionsv1.CustomResourceDefinition{crd})
}

// startChromium makes a browser, which starts with the first test.
func startChromium(ctx context.Context) (stop func()) {
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-US"),
		// Hosts of tests are here.
		chromedp.Flag("host-resolver-rules", "MAP *.example.com 127.0.0.1"),
	)...)
	browser, stopBrowser := chromedp.NewContext(allocator)
	world.chromium = browser
	return func() {
		stopBrowser()
		stopAllocator()
	}
}
