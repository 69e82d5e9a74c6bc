// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	logsapi "k8s.io/component-base/logs/api/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/deploy/konnector"
	agent "kube-bind.io/kube-bind/konnector"
)

// parse gives arguments to the flags of the backend.
func parse(t *testing.T, args []string) (backend.Options, *pflag.FlagSet) {
	t.Helper()
	opts, flags := backend.NewOptions(), pflag.NewFlagSet(Backend, pflag.ContinueOnError)
	opts.AddFlags(flags)
	logsapi.AddFlags(logsapi.NewLoggingConfiguration(), flags)
	if err := flags.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return opts, flags
}

// Every flag of the backend is reached by a value, and no value gives an argument that the backend does not know.
func TestEveryFlagHasAValue(t *testing.T) {
	set := map[string]bool{}
	for name, values := range examples(t, Backend) {
		container := containerOf(t, rendered(t, Backend, values))
		_, flags := parse(t, container.Args)
		flags.Visit(func(f *pflag.Flag) { set[f.Name] = true })
		if name != "everything" {
			continue
		}
		if opts, _ := parse(t, container.Args); !slices.Equal(opts.FrontDoor.AllowedGroups, []string{"platform", "cn=platform,dc=example,dc=com"}) {
			t.Errorf("allowed groups %q", opts.FrontDoor.AllowedGroups)
		}
	}
	opts, flags := backend.NewOptions(), pflag.NewFlagSet(Backend, pflag.ContinueOnError)
	opts.AddFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Deprecated == "" && f.Name != "multicluster-runtime-provider" && !set[f.Name] { // an older name, and one that is short for it
			t.Errorf("no example sets --%s", f.Name)
		}
	})
}

// What the chart has for its values is what the backend has without flags, so that pages about flags hold for charts.
func TestDefaultsAreTheBackends(t *testing.T) {
	ofChart, _ := parse(t, containerOf(t, rendered(t, Backend, values(t, "backend: {oidc: {issuerUrl: 'https://login', callbackUrl: 'https://bind/api/callback', clientId: x}}"))).Args)
	want := backend.NewOptions()
	// What differs, because it runs in a Pod, or as upstream's chart has it.
	want.NamespacePrefix, want.LeaseName, want.LeaseNamespace = "kube-bind-", "kube-bind-backend", "kube-bind"
	want.HealthAddress, want.MetricsAddress, want.FrontDoor.ListenAddress = ":8081", ":8082", ":8080"
	want.FrontDoor.IssuerURL, want.FrontDoor.CallbackURL, want.FrontDoor.ClientID = "https://login", "https://bind/api/callback", "x"
	if diff := cmp.Diff(want, ofChart, cmpopts.IgnoreUnexported(backend.Options{}, backend.FrontDoor{}), cmpopts.IgnoreFields(backend.Options{}, "Logger")); diff != "" {
		t.Errorf("(-backend +chart)\n%s", diff)
	}
}

// A duration that the backend would refuse when it starts is refused before anything is installed, and no other.
func TestDurationsAreThoseOfTheBackend(t *testing.T) {
	for value, tc := range map[string]struct {
		flag      string
		durations []string
	}{
		"consumerTokenLifetime":      {"consumer-token-lifetime", []string{"1s", "9m59s", "10m", "0.5h", "8760h", "8760h1s"}},
		"schemaSyncInterval":         {"schema-sync-interval", []string{"0s", "9s999ms", "10s", "9000h"}},
		"tokenExpiry":                {"token-expiry", []string{"1s", "59s", "60s", "720h", "720h1s"}},
		"sessionKeyRotation":         {"session-key-rotation", []string{"1s", "599s", "10m", "9000h"}},
		"removeSilentConsumersAfter": {"remove-silent-consumers-after", []string{"0s", "1s", "59m", "1h", "2h59m", "3h"}},
	} {
		for _, duration := range tc.durations {
			text := fmt.Sprintf("backend: {consumerTimeout: 3h, %s: %s, %s}", value, duration, door)
			if value != "removeSilentConsumersAfter" {
				text = strings.Replace(text, "3h", "0s", 1)
			}
			args := []string{"--consumer-timeout=3h", "--" + tc.flag + "=" + duration}
			opts, _ := parse(t, args)
			wrong := opts.Validate()
			refused := wrong != nil && strings.Contains(wrong.Error(), "--"+tc.flag+"=")
			r := Release{Chart: Backend, Name: "kube-bind", Namespace: "kube-bind", Values: values(t, text)}
			_, err := r.Render(t.Context())
			if (err != nil) != refused || err != nil && !strings.Contains(err.Error(), "backend."+value+" is "+duration) {
				t.Errorf("%s of %s: the backend says %v, and the chart %v", value, duration, wrong, err)
			}
		}
	}
}

// What the konnector's chart has values for gets to its flags.
func TestKonnectorsValuesAreFlags(t *testing.T) {
	opts, flags := agent.NewOptions(), pflag.NewFlagSet(Konnector, pflag.ContinueOnError)
	opts.AddFlags(flags)
	logsapi.AddFlags(logsapi.NewLoggingConfiguration(), flags)
	if err := flags.Parse(containerOf(t, rendered(t, Konnector, examples(t, Konnector)["everything"])).Args); err != nil {
		t.Fatal(err)
	}
	want := agent.NewOptions()
	want.IdentityNamespace, want.InstallCRDs, want.Workers = "default", false, 20
	if diff := cmp.Diff(want, opts); diff != "" {
		t.Errorf("(-want +chart)\n%s", diff)
	}
}

// The chart of the konnector has the objects that kubectl bind applies, and no others.
func TestKonnectorIsTheSame(t *testing.T) {
	made := rendered(t, Konnector, nil)
	wanted := konnector.Objects(konnector.Options{Version: "v0.0.0"})[1:] // Helm makes the namespace
	if len(made.Objects) != len(wanted) {
		t.Errorf("%d objects, want %d", len(made.Objects), len(wanted))
	}
	for _, want := range wanted {
		kind := want.GetObjectKind().GroupVersionKind().Kind
		found := made.Find(kind, want.GetName())
		if found == nil {
			t.Errorf("%s %s is missing", kind, want.GetName())
			continue
		}
		have, ok := reflect.New(reflect.TypeOf(want).Elem()).Interface().(client.Object)
		if !ok {
			t.Fatalf("%T", want)
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, have); err != nil {
			t.Fatal(err)
		}
		labels := have.GetLabels()
		for _, key := range []string{"helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"} {
			if labels[key] == "" {
				t.Errorf("%s %s has no label %s", kind, want.GetName(), key)
			}
			delete(labels, key)
		}
		have.SetLabels(labels)
		if diff := cmp.Diff(want, have, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s %s (-deploy/konnector +chart)\n%s", kind, want.GetName(), diff)
		}
	}
}

// The schema knows the keys of values.yaml, and no others, so that nothing is accepted that does nothing.
func TestSchemaHasTheKeysOfValues(t *testing.T) {
	for _, chart := range []string{Backend, Konnector} {
		dir, err := Dir(t.Context(), chart)
		if err != nil {
			t.Fatal(err)
		}
		schema := map[string]any{}
		if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "values.schema.json"))), &schema); err != nil {
			t.Fatal(err)
		}
		have, want := schemaKeys("", schema), valueKeys("", values(t, read(t, filepath.Join(dir, "values.yaml"))), schema)
		have = slices.DeleteFunc(have, func(key string) bool { return key == ".global" }) // Helm's own
		slices.Sort(have)
		slices.Sort(want)
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s (-values.yaml +schema)\n%s", chart, diff)
		}
	}
}

// schemaKeys are the keys of a schema, down to those whose content it does not name.
func schemaKeys(path string, schema map[string]any) []string {
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return []string{path}
	}
	out := []string{}
	if schema["additionalProperties"] != false {
		out = append(out, path+" (open)")
	}
	for key, value := range properties {
		below, ok := value.(map[string]any)
		if !ok {
			continue
		}
		out = append(out, schemaKeys(path+"."+key, below)...)
	}
	return out
}

// valueKeys are the keys of values, down to those whose content the schema does not name.
func valueKeys(path string, value any, schema map[string]any) []string {
	properties, named := schema["properties"].(map[string]any)
	below, ok := value.(map[string]any)
	if !ok || !named {
		return []string{path}
	}
	out := []string{}
	for key, value := range below {
		s, ok := properties[key].(map[string]any)
		if !ok {
			s = map[string]any{}
		}
		out = append(out, valueKeys(path+"."+key, value, s)...)
	}
	return out
}

// No rule of the charts is about everything, and of kube-bind's own resources each is named.
func TestNoRuleIsAboutEverything(t *testing.T) {
	for _, chart := range []string{Backend, Konnector} {
		for _, object := range rendered(t, chart, values(t, "{}")).Objects {
			if !strings.HasSuffix(object.GetKind(), "Role") {
				continue
			}
			raw, err := yaml.Marshal(object.Object["rules"])
			if err != nil || strings.Contains(string(raw), "*") {
				t.Errorf("%s %s: %v\n%s", object.GetKind(), object.GetName(), err, raw)
			}
		}
	}
}
