// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for leaked goroutines after all tests. Started again by TestCrash, the test binary is the program
// that crashes.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		os.Exit(runUntilCrash(dir))
	}
	goleak.VerifyTestMain(m)
}
