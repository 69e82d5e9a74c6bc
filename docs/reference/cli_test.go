// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"kube-bind.io/kube-bind/cli"
)

const cliPage = "cli.md"

const cliHead = `# kubectl bind

<!-- This page is written by ` + "`go test ./docs/reference -args update`" + ` from the commands. -->

Results go to stdout, what is going on to stderr. Exit codes:

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed, for a reason that has no code of its own |
| 2 | wrong usage |
| 3 | nobody is signed in at the server: kubectl bind login |
| 4 | the provider refuses |
| 5 | not in time; the command can be run again |
| 6 | a binding is not healthy (status --exit-code), or a process of the development environment does not run (dev status) |
| 7 | not agreed to what the provider asks for |
| 8 | the server or a cluster is away, or something else answers in its place; the command can be run again |
| 130 | interrupted by Ctrl-C |

An error says what to do next. What waits shows a spinner on a terminal, and a line for each change elsewhere; Ctrl-C ends it, and
what was made until then is told.

"kubectl bind completion --help" says how to have Tab complete commands, flags, templates, bindings and servers of kubectl-bind.
For "kubectl bind", kubectl asks a program called kubectl_complete-bind in the PATH:

    #!/bin/sh
    exec kubectl-bind __complete "$@"
`

// The reference of the commands is what the commands say.
func TestCLIReference(t *testing.T) {
	t.Setenv("HOME", "/home/you")
	root := cli.NewCommand(genericiooptions.NewTestIOStreamsDiscard(), cli.Options{})
	var out bytes.Buffer
	out.WriteString(cliHead)
	describe(&out, root, true)
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() && cmd.Name() != "help" {
			describe(&out, cmd, false)
			for _, below := range cmd.Commands() {
				if cmd.Name() == "dev" {
					describe(&out, below, false)
				}
			}
		}
	}
	isCurrent(t, cliPage, out.String())
}

func describe(w *bytes.Buffer, cmd *cobra.Command, root bool) {
	name := strings.Replace(cmd.CommandPath(), "kubectl-bind", "kubectl bind", 1)
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	fmt.Fprintf(w, "\n## %s\n\n%s.\n", name, strings.TrimSuffix(cmd.Short, "."))
	if cmd.Long != "" && cmd.Name() != "completion" {
		fmt.Fprintf(w, "\n%s\n", cmd.Long)
	}
	fmt.Fprintf(w, "\n    %s\n", strings.TrimSpace(name+" "+arguments))
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n\n%s\n", indent(cmd.Example))
	}
	flags(w, "Flags", cmd.LocalNonPersistentFlags())
	if !root {
		flags(w, "Flags of all its commands", cmd.PersistentFlags())
	}
	if root {
		flags(w, "Flags of all commands, most of them kubectl's", cmd.PersistentFlags())
	}
}

func indent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = "    " + strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

func flags(w *bytes.Buffer, title string, set *pflag.FlagSet) {
	first := true
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" || f.Name == "help" {
			return
		}
		if first {
			fmt.Fprintf(w, "\n%s:\n\n| flag | default | meaning |\n|---|---|---|\n", title)
			first = false
		}
		name, value := "`--"+f.Name+"`", ""
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if f.DefValue != "" && f.DefValue != "[]" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, value, strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
}
