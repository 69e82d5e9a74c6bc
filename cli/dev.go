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
	"kube-bind.io/kube-bind/deploy/examples"
)

// embedded is the runtime of kubectl bind dev: processes of this machine.
const embedded = "embedded"

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
127.0.0.1 only. The processes outlive the command; everything about them is in one folder.`,
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
	o := dev.Options{Timeout: 2 * time.Minute}
	runtime := embedded
	cmd := &cobra.Command{
		Use: "create", Short: "Start a provider and a consumer, or what does not run of them", Args: none,
		Long: `Starts everything, and waits until it is ready. The provider then offers the APIs of the examples, cowboys and sheriffs. What runs
already is left alone, and data is kept: after a crash, or when the machine was started anew, the command starts what is missing.

It needs the programs etcd, kube-apiserver, kube-controller-manager, kube-bind-backend and konnector. They are looked for in the folder
that --bin-dir names; without it, beside this program, in the folder that the variable KUBE_BIND_BIN names, in bin/ of the source tree, and in the PATH.`,
		Example: "  kubectl bind dev create\n  kubectl bind dev create --port 8081 --bin-dir ./bin",
		PreRunE: func(*cobra.Command, []string) error {
			if runtime != embedded {
				return refuseRuntime(runtime)
			}
			if o.Port < 0 || o.Port > 65535 {
				return usage("--port=%d: must be 1 to 65535", o.Port)
			}
			return d.complete()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return d.create(cmd.Context(), o) },
	}
	fs := cmd.Flags()
	fs.StringVar(&runtime, "runtime", runtime, "How everything runs: "+embedded+", as processes of this machine.")
	fs.StringVar(&o.BinDir, "bin-dir", "", "Folder with the programs.")
	fs.IntVar(&o.Port, "port", 0, "Port of the provider's front door on 127.0.0.1. Default: "+strconv.Itoa(dev.DefaultPort)+", or the one that the environment has.")
	fs.DurationVar(&o.Timeout, "wait-for-ready-timeout", o.Timeout, "How long to wait for everything.")
	fixed(cmd, "runtime", embedded)
	return cmd
}

// refuseRuntime says what to do instead, before anything is made.
func refuseRuntime(runtime string) error {
	if runtime == "kind" {
		return exit(ExitUsage, errors.New("--runtime=kind is not there yet"),
			"Leave --runtime out: that needs no Docker. For two clusters of kind, make them yourself and follow docs/hard-way.md.")
	}
	return usage("--runtime=%q: must be %s", runtime, embedded)
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
	d.sayNext(e)
	return nil
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

func (d *devEnvironment) sayNext(e *dev.Environment) {
	flag := d.dirFlag()
	fmt.Fprintf(d.Out, `A provider and a consumer are running. Their kubeconfigs:

  provider   %s
  consumer   %s

Sign in as one of the people that the form names, and bind:

  export KUBECONFIG=%s
  kubectl bind login %s
  kubectl bind --template cowboys --skip-konnector

Without a browser: kubectl bind dev example%s
How they are:      kubectl bind dev status%s
To end it all:     kubectl bind dev delete%s
`, e.ProviderKubeconfig(), e.ConsumerKubeconfig(), shellWord(e.ConsumerKubeconfig()), e.Door(), flag, flag, flag)
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
		Long: `Ends all processes and removes the folder, also after a crash. A folder that kubectl bind dev create has not made is left alone. The
sign-in at the front door is forgotten.`,
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
	d.say("Ended %d processes, and removed %s.", ended, d.dir)
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
			"Start them: kubectl bind dev create%s. Their logs are in %s.", d.dirFlag(), filepath.Dir(found[0].Log))
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
