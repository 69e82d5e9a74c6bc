// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/spf13/cobra"

// exactly n arguments, which are what.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("%s takes %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// atMost n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usage("%s takes at most %d argument(s), not %d: see --help", cmd.CommandPath(), n, len(args))
		}
		return nil
	}
}

// none is for commands without arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments", cmd.CommandPath())
	}
	return nil
}
