// SPDX-License-Identifier: Apache-2.0

package sharing

import (
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/multicluster-runtime/pkg/util/sanitize"
)

// maxHost keeps the names of Leases short enough.
const maxHost = 63

// NewID returns the name of a replica: the host's, which is that of a Pod, and something that no other process has.
func NewID() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("finding the name of the host: %w", err)
	}
	host = sanitize.DNS1123(host)
	return strings.Trim(host[:min(len(host), maxHost)], "-.") + "-" + rand.String(8), nil
}
