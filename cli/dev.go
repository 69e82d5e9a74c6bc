// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/dev"
	"kube-bind.io/kube-bind/cli/dev/kind"
	"kube-bind.io/kube-bind/deploy/examples"
)

// imageArchive is a flag for that runtime, too, which may be given several times.
const imageArchive = "image-archive"

// kindTimeout is how long create waits with kind, which may have images to pull.
const kindTimeout = 10 * time.Minute

// devEnvironment is what the commands of kubectl bind dev have in common.
type devEnvironment struct {
	*cli
	dir string
}

func (c *cli) devCommand() *cobra.Command {
	d := &devEnvironment{cli: c}
	cmd := &cobra.Command{
		Use: "dev", Short: "Run a provider and a consumer on this machine, to play and develop with", Args: none,
		Long: `Runs a provider and a consumer as processes of this machine: two control planes (etcd, kube-apiserver, kube-controller-manager), the
provider's backend with a sign-in for development, and the consumer's konnector. No container runtime is needed, and everything listens on
127.0.0.1 only. The processes outlive the command; everything about them is in one folder. With "create --runtime=kind" they are two
clusters of kind instead.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("%s takes one of its commands: create, status, example or delete", cmd.CommandPath())
		},
	}
	cmd.PersistentFlags().StringVar(&d.dir, "dir", "", "Folder with everything. Default: $XDG_STATE_HOME/kube-bind/dev, or else ~/.kube-bind/dev.")
	cmd.AddCommand(d.createCommand(), d.statusCommand(), c.devExampleCommand(d), d.deleteCommand())
	return cmd
}

// complete finds out which folder is meant.
func (d *devEnvironment) complete() error {
	if d.dir == "" {
		var err error
		if d.dir, err = defaultDevDir(); err != nil {
			return err
		}
	}
	dir, err := filepath.Abs(d.dir)
	if err != nil {
		return fmt.Errorf("finding the folder: %w", err)
	}
	// The folder itself is what is removed at the end, and not a link to it.
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	d.dir = dir
	return nil
}

func defaultDevDir() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "kube-bind", "dev"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usage("there is no home folder (%w): name a folder with --dir", err)
	}
	return filepath.Join(home, ".kube-bind", "dev"), nil
}

func (d *devEnvironment) createCommand() *cobra.Command {
	o := dev.Options{Timeout: 2 * time.Minute, Version: d.Version}
	cmd := &cobra.Command{
		Use: "create", Short: "Start a provider and a consumer, or what does not run of them", Args: none,
		Long: `Starts everything, and waits until it is ready. The provider then offers the APIs of the examples, cowboys and sheriffs. What runs
already is left alone, and data is kept: after a crash, or when the machine was started anew, the command starts what is missing.

It needs the programs etcd, kube-apiserver, kube-controller-manager, kube-bind-backend and konnector. They are looked for in the folder
that --bin-dir names; without it, beside this program, in the folder that the variable KUBE_BIND_BIN names, in bin/ of the source tree, and in the PATH.

With --runtime=kind it needs the programs docker (or podman), kind and helm instead, and makes two clusters in a container network of their
own, with the backend's chart in the provider. "kubectl bind" then deploys the konnector, as in any cluster. What listens on this machine
does so on 127.0.0.1 only; containers in that network, and Pods in the clusters, also reach the front door.`,
		Example: "  kubectl bind dev create\n  kubectl bind dev create --port 8081 --bin-dir ./bin\n  kubectl bind dev create --runtime=kind",
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.complete(); err != nil {
				return err
			}
			return validDevOptions(cmd, &o, d.dir)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return d.create(cmd.Context(), o) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.Runtime, "runtime", "", "How everything runs: "+dev.Embedded+", as processes of this machine, or "+dev.Kind+", in containers. Default: "+dev.Embedded+", or the one that the environment has.")
	fs.StringVar(&o.BinDir, "bin-dir", "", "Folder with the programs.")
	fs.IntVar(&o.Port, "port", 0, "Port of the provider's front door on 127.0.0.1. Default: "+strconv.Itoa(dev.DefaultPort)+", or the one that the environment has.")
	fs.DurationVar(&o.Timeout, "wait-for-ready-timeout", o.Timeout, "How long to wait for everything. Default with kind, which may pull images: "+kindTimeout.String()+".")
	fixed(cmd, "runtime", dev.Embedded, dev.Kind)
	for _, f := range kindFlags(&o) {
		fs.StringVar(f.value, f.name, "", "With kind: "+f.usage)
	}
	fs.StringSliceVar(&o.Images, imageArchive, nil, "With kind: files with images (docker save, or an OCI archive) that both clusters load.")
	return cmd
}

// kindFlag is a flag that is for the runtime kind only.
type kindFlag struct {
	name, usage string
	value       *string
}

func kindFlags(o *dev.Options) []kindFlag {
	k := &o.Kind
	return []kindFlag{
		{"provider-cluster-name", "name of the provider's cluster. Default: " + kind.DefaultProvider + ".", &k.Provider},
		{"consumer-cluster-name", "name of the consumer's cluster. Default: " + kind.DefaultConsumer + ".", &k.Consumer},
		{"kind-network", "container network of both. Default: " + kind.DefaultNetwork + ".", &k.Network},
		{"chart-path", "chart of the backend, a folder, a file or an oci:// URL. Default: the one of this program.", &k.Chart},
		{"chart-version", "its version. Default: the latest.", &k.ChartVersion},
		{"backend-image", "image of the backend, without a tag. Default: " + kind.DefaultImage + ".", &k.Image},
		{"backend-tag", "its tag. Default: the version of this program.", &k.Tag},
		{"konnector-image", "image of the konnector that kubectl bind is to deploy. Default: the one of its version.", &k.Konnector},
	}
}

// validDevOptions looks at flags together, and at what an environment in the folder makes of them.
func validDevOptions(cmd *cobra.Command, o *dev.Options, dir string) error {
	runs := o.Runtime
	if e, err := dev.Load(dir); err == nil && runs == "" {
		runs = e.Runtime()
	}
	switch {
	case o.Runtime != "" && o.Runtime != dev.Embedded && o.Runtime != dev.Kind:
		return usage("--runtime=%q: must be %s or %s", o.Runtime, dev.Embedded, dev.Kind)
	case o.Port < 0 || o.Port > 65535:
		return usage("--port=%d: must be 1 to 65535", o.Port)
	case runs == dev.Kind:
		if !cmd.Flags().Changed("wait-for-ready-timeout") {
			o.Timeout = kindTimeout
		}
		if cmd.Flags().Changed("bin-dir") {
			return usage("--bin-dir is for --runtime=%s", dev.Embedded)
		}
		return absolute(&o.Kind.Chart)
	}
	for _, f := range append(kindFlags(o), kindFlag{name: imageArchive}) {
		if cmd.Flags().Changed(f.name) {
			return usage("--%s is for --runtime=%s", f.name, dev.Kind)
		}
	}
	return nil
}

// absolute completes a path, if it is one: a chart may be in a registry.
func absolute(path *string) (err error) {
	if _, missing := os.Stat(*path); missing == nil {
		*path, err = filepath.Abs(*path)
	}
	return err
}

func (d *devEnvironment) create(ctx context.Context, o dev.Options) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	shown := d.waiting()
	o.Dir, o.Say = d.dir, shown.say
	e, err := dev.Create(ctx, o)
	if err == nil {
		shown.say("offering the examples")
		err = d.offer(ctx, e)
	}
	shown.stop()
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			d.say("What was started until now is left running. kubectl bind dev create%s goes on, kubectl bind dev delete%s ends it.", d.dirFlag(), d.dirFlag())
		}
		return devError(err)
	}
	return d.sayNext(e)
}

// offer has the provider offer the examples.
func (d *devEnvironment) offer(ctx context.Context, e *dev.Environment) error {
	provider, err := d.admin(e.ProviderKubeconfig())
	if err != nil {
		return err
	}
	for _, manifest := range examples.Manifests() {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(manifest, &object.Object); err != nil {
			return fmt.Errorf("reading an example: %w", err)
		}
		err := retryNoMatch(ctx, func() error {
			return provider.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), fieldOwner, client.ForceOwnership)
		})
		if err != nil {
			return fmt.Errorf("offering the example %s: %w", object.GetName(), err)
		}
	}
	return nil
}

// admin is a client with the access of a kubeconfig file.
func (c *cli) admin(file string) (client.Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return newClient(config, c.Version)
}

func (d *devEnvironment) sayNext(e *dev.Environment) error {
	binding, err := e.Binding()
	if err != nil {
		return devError(err)
	}
	flag := d.dirFlag()
	fmt.Fprintf(d.Out, `A provider and a consumer are running. Their kubeconfigs:

  provider   %s
  consumer   %s

Sign in as one of the people that the form names, and bind:

  export KUBECONFIG=%s
  kubectl bind login %s
  kubectl bind --template cowboys%s

Without a browser: kubectl bind dev example%s
How they are:      kubectl bind dev status%s
To end it all:     kubectl bind dev delete%s
`, e.ProviderKubeconfig(), e.ConsumerKubeconfig(), shellWord(e.ConsumerKubeconfig()), e.Door(), bindingFlags(binding), flag, flag, flag)
	return nil
}

// bindingFlags are those of kubectl bind in an environment.
func bindingFlags(b dev.Binding) (out string) {
	if b.SkipKonnector {
		out += " --skip-konnector"
	}
	if b.Konnector != "" {
		out += " --konnector-image " + shellWord(b.Konnector)
	}
	if b.ProviderAddress != "" {
		out += " --provider-address " + b.ProviderAddress
	}
	return out
}

// dirFlag is what further commands need to find the folder.
func (d *devEnvironment) dirFlag() string {
	if usual, err := defaultDevDir(); err == nil && usual == d.dir {
		return ""
	}
	return " --dir " + shellWord(d.dir)
}

// shellWord is a word as a shell takes it.
func shellWord(word string) string {
	if regexp.MustCompile(`^[A-Za-z0-9/._+:@-]+$`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// devError says what to do about an error.
func devError(err error) error {
	p, ok := errors.AsType[*dev.Problem](err)
	if !ok {
		return err
	}
	code := ExitFailed
	if p.Timeout {
		code = ExitTimeout
	}
	return &exitError{code: code, err: err, next: p.Next}
}

func (d *devEnvironment) deleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete", Short: "End everything, and remove it with all data", Args: none,
		Long: `Ends all processes, or deletes the clusters, and removes the folder, also after a crash. A folder that kubectl bind dev create has not made is left
alone, and so is a cluster that is not of this environment. The sign-in at the front door is forgotten.`,
		PreRunE: func(*cobra.Command, []string) error { return d.complete() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return d.delete(cmd.Context()) },
	}
}

func (d *devEnvironment) delete(ctx context.Context) error {
	e, _ := dev.Load(d.dir) // Delete says what is wrong with it
	ended, err := dev.Delete(ctx, d.dir)
	if errors.Is(err, dev.ErrNone) {
		d.say("Nothing to delete: there is no development environment in %s.", d.dir)
		return nil
	}
	if err != nil {
		return devError(err)
	}
	if e.Runtime() == dev.Kind {
		d.say("Deleted %d clusters, and removed %s.", ended, d.dir)
	} else {
		d.say("Ended %d processes, and removed %s.", ended, d.dir)
	}
	if usual, err := defaultDevDir(); err == nil && usual == d.dir {
		// As long as nothing else is in it.
		_ = os.Remove(filepath.Dir(d.dir))
	}
	file, err := loadConfig(d.configFile)
	if err != nil || file.Servers[e.Door()] == nil {
		return err
	}
	d.say("Forgot the sign-in at %s.", e.Door())
	return changeConfig(ctx, d.configFile, func(file *config) { file.forget(e.Door()) })
}

// devProcess is what people want to know of a process, and what -o json and yaml print.
type devProcess struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Running           bool   `json:"running"`
	PID               int    `json:"pid,omitempty"`
	Version           string `json:"version,omitempty"`
	Address           string `json:"address,omitempty"`
	Log               string `json:"log"`
}

func (d *devEnvironment) statusCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "status", Short: "Show which processes run, and where", Args: none,
		Long: "Shows each process: whether it runs, since when, and where. If one does not, the exit code is 6.",
		PreRunE: func(*cobra.Command, []string) error {
			return errors.Join(o.validate(), d.complete())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := dev.Load(d.dir)
			if err != nil {
				return devError(err)
			}
			found, err := e.Processes(cmd.Context())
			if err != nil {
				return devError(err)
			}
			return d.printProcesses(&o, found)
		},
	}
	o.addFlag(cmd)
	return cmd
}

func (d *devEnvironment) printProcesses(o *output, found []dev.Process) error {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": kubebindv1alpha2.GroupVersion.String(), "kind": "DevProcessList"}}
	var away []string
	for _, p := range found {
		shown := devProcess{TypeMeta: typeMeta("DevProcess"), Running: p.Running, PID: p.PID, Version: p.Version, Address: p.Address, Log: p.Log}
		shown.Name, shown.CreationTimestamp = p.Name, metav1.NewTime(p.Started)
		if !p.Running {
			away, shown.PID = append(away, p.Name), 0
		}
		u, err := toUnstructured(&shown)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, *u)
	}
	if err := o.print(d.Out, d.ErrOut, list, d.processTable()); err != nil {
		return err
	}
	if len(away) > 0 {
		return exit(ExitUnhealthy, fmt.Errorf("%d of %d processes do not run: %s", len(away), len(found), strings.Join(away, ", ")),
			"Start them: kubectl bind dev create%s. The column LOG of -o wide says where they tell what happened.", d.dirFlag())
	}
	return nil
}

func (d *devEnvironment) processTable() table {
	return table{
		columns: []string{"NAME", "RUNNING", "PID", "VERSION", "ADDRESS", "AGE", "LOG"}, wide: 1,
		row: func(item *unstructured.Unstructured) []string {
			text := func(field string) string {
				value, found, _ := unstructured.NestedFieldNoCopy(item.Object, field)
				if !found {
					return "<none>"
				}
				return fmt.Sprint(value)
			}
			since := "<none>"
			if text("running") == "true" {
				since = age(item, d.Now())
			}
			return []string{item.GetName(), text("running"), text("pid"), text("version"), text("address"), since, text("log")}
		},
	}
}
