// SPDX-License-Identifier: Apache-2.0

package konnector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
)

func valid() *Options {
	o := NewOptions()
	o.Config = &rest.Config{Host: "https://consumer"}
	o.LeaseNamespace = "kube-bind"
	return o
}

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Options)
		want   []string // parts of the error; none: valid
	}{
		"defaults":           {func(*Options) {}, nil},
		"no server":          {func(o *Options) { o.ServerAddress = "0" }, nil},
		"no cluster":         {func(o *Options) { o.Config = nil }, []string{"configuration for this cluster"}},
		"empty lease name":   {func(o *Options) { o.LeaseName = "" }, []string{"--lease-name"}},
		"wrong lease name":   {func(o *Options) { o.LeaseName = "A_B" }, []string{"--lease-name", "A_B"}},
		"wrong namespace":    {func(o *Options) { o.LeaseNamespace = "a.b" }, []string{"--lease-namespace"}},
		"wrong identity":     {func(o *Options) { o.IdentityNamespace = "" }, []string{"--cluster-identity-namespace"}},
		"wrong address":      {func(o *Options) { o.ServerAddress = "8090" }, []string{"--server-address", `":port"`}},
		"no workers":         {func(o *Options) { o.Workers = 0 }, []string{"--workers", "between 1 and 1000"}},
		"everything at once": {func(o *Options) { o.Workers, o.LeaseName = -1, "" }, []string{"--workers", "--lease-name"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := valid()
			tc.change(o)
			err := o.Validate()
			if (err == nil) != (len(tc.want) == 0) {
				t.Fatalf("got %v", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
}

func TestCompleteLease(t *testing.T) {
	o := valid()
	o.LeaseNamespace = ""
	t.Setenv("POD_NAMESPACE", "pods")
	if err := o.Complete(); err != nil || o.LeaseNamespace != "pods" {
		t.Errorf("got %q, %v", o.LeaseNamespace, err)
	}
	o.LeaseNamespace = ""
	t.Setenv("POD_NAMESPACE", "")
	if err := o.Complete(); err != nil || o.LeaseNamespace != "kube-system" {
		t.Errorf("got %q, %v", o.LeaseNamespace, err)
	}
}

func TestCompleteKubeconfig(t *testing.T) {
	o := NewOptions()
	o.Kubeconfig = filepath.Join(t.TempDir(), "absent")
	if err := o.Complete(); err == nil || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(o.Kubeconfig, []byte("\tnot YAML"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.Complete(); err == nil {
		t.Error("a file that is no kubeconfig is taken")
	}
}

func TestFlagsHaveTheDefaultsOfOptions(t *testing.T) {
	o := NewOptions()
	flags := pflag.NewFlagSet("konnector", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse([]string{"--workers=3", "--install-crds=false", "--cluster-identity-namespace=default"}); err != nil {
		t.Fatal(err)
	}
	if o.Workers != 3 || o.InstallCRDs || o.IdentityNamespace != "default" || o.LeaseName != "kube-bind" || o.ServerAddress != ":8090" {
		t.Errorf("got %+v", o)
	}
}
