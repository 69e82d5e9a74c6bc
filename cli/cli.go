// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"kube-bind.io/kube-bind/printable"
)

// unversioned is the version of programs that were built from source.
const unversioned = "v0.0.0"

// Options are what a program gives the commands. Zero fields have defaults.
type Options struct {
	// Version of the program. Default: v0.0.0.
	Version string
	// OpenBrowser shows a URL to whoever sits at the terminal. Default: what the system does with URLs.
	OpenBrowser func(ctx context.Context, url string) error
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// cli is what all commands share.
type cli struct {
	Options
	genericiooptions.IOStreams

	kube       *genericclioptions.ConfigFlags
	configFile string
	serverURL  string
	cluster    string
	insecure   bool
}

// NewCommand returns kubectl bind, with everything below it.
func NewCommand(streams genericiooptions.IOStreams, options Options) *cobra.Command {
	if options.Version == "" {
		options.Version = unversioned
	}
	if options.OpenBrowser == nil {
		options.OpenBrowser = openBrowser
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	c := &cli{Options: options, IOStreams: streams, configFile: defaultConfigPath()}
	root := c.bindCommand()
	root.Version = options.Version
	root.SetVersionTemplate("kubectl-bind {{.Version}}\n")
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{code: ExitUsage, err: err} })
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	c.addFlags(root.PersistentFlags())
	root.AddCommand(
		c.loginCommand(), c.logoutCommand(), c.templatesCommand(), c.collectionsCommand(),
		c.apiserviceCommand(), c.deployCommand(), c.identityCommand(), c.statusCommand(), c.unbindCommand(), c.versionCommand(), c.devCommand(),
	)
	c.completeCommon(root)
	return root
}

// addFlags adds the flags of kubectl, and those that say which kube-bind server is meant. kubectl's --server is the consumer's
// API server, which a context names as well; here it is kube-bind's, as upstream has it.
func (c *cli) addFlags(fs *pflag.FlagSet) {
	c.kube = genericclioptions.NewConfigFlags(true)
	c.kube.APIServer, c.kube.Insecure, c.kube.ClusterName = nil, nil, nil
	c.kube.AddFlags(fs)
	verbosity := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(verbosity)
	fs.AddGoFlag(verbosity.Lookup("v"))
	fs.StringVar(&c.configFile, "config-file", c.configFile, "File with the servers that you are signed in at.")
	fs.StringVar(&c.serverURL, "server", "", "URL of the kube-bind server. Default: the one of the last login.")
	fs.StringVar(&c.cluster, "cluster", "", "Logical cluster of the provider, where the server has several.")
	fs.BoolVar(&c.insecure, "insecure-skip-tls-verify", false, "Do not check the certificate of the kube-bind server.")
}

// say writes a line about what is going on. The format is ours; what stands in it may be of others.
func (c *cli) say(format string, args ...any) {
	shown := make([]any, len(args))
	for i := range args {
		shown[i] = printed{args[i]}
	}
	fmt.Fprintf(c.ErrOut, format+"\n", shown...)
}

// printed is a value that is printed as others' texts are.
type printed struct{ value any }

func (p printed) Format(state fmt.State, verb rune) {
	_, _ = io.WriteString(state, printable.Line(fmt.Sprintf(fmt.FormatString(state, verb), p.value)))
}
