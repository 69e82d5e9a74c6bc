// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// shortest is how long a secret must be at least to be looked for: shorter ones may be words.
const shortest = 16

// Body is in objects that tests write, claimed ones too. No log repeats what is in an object.
const Body = "in-an-object-and-in-no-log"

// shown is how much of what was found an error repeats.
const shown = 6

// looks are what tokens and keys look like, and what is in objects.
func looks() *regexp.Regexp {
	return regexp.MustCompile(Body + `|` + base64.StdEncoding.EncodeToString([]byte(Body))[:32] + `|eyJ[\w-]{8,}\.[\w-]*\.[\w-]{4,}` +
		`|-----BEGIN [A-Z ]*PRIVATE KEY-----|LS0tLS1CRUdJTi[\w+/]*(?:UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)` +
		`|(?i:bearer +)[\w.~+/-]{16,}|(?i:access_token|id_token|refresh_token|client_secret|code_verifier|password)(?:=|":")[^&\s"\\]{8,}`)
}

// Known are secrets to look for.
type Known struct{ values map[string]struct{} }

// Add has a secret looked for, if it is long enough, and the base64 of it.
func (k *Known) Add(values ...[]byte) {
	if k.values == nil {
		k.values = map[string]struct{}{}
	}
	for _, value := range values {
		if value = bytes.TrimSpace(value); len(value) >= shortest {
			k.values[string(value)] = struct{}{}
			k.values[base64.StdEncoding.EncodeToString(value)] = struct{}{}
		}
	}
}

// AddKubeconfig has the tokens and client keys of a kubeconfig looked for.
func (k *Known) AddKubeconfig(data []byte) error {
	config, err := clientcmd.Load(data)
	if err != nil {
		return errors.New("reading a kubeconfig to know its secrets: it is none")
	}
	for _, user := range config.AuthInfos {
		k.Add(secretsOf(user)...)
	}
	return nil
}

func secretsOf(user *clientcmdapi.AuthInfo) [][]byte {
	out := [][]byte{[]byte(user.Token), []byte(user.Password)}
	// What is in the lines of a key is as telling as the whole.
	for i, line := range bytes.Split(user.ClientKeyData, []byte("\n")) {
		if i > 0 && !bytes.HasPrefix(line, []byte("-----")) {
			out = append(out, line)
		}
	}
	return append(out, user.ClientKeyData)
}

// AddSecret has what is in a Secret looked for as far as it is a credential: tokens of ServiceAccounts, kubeconfigs, and what is
// in the given names, such as the keys that sessions are sealed with. Other Secrets may hold anything, words too.
func (k *Known) AddSecret(s *corev1.Secret, names ...string) {
	if s.Type == corev1.SecretTypeServiceAccountToken {
		k.Add(s.Data[corev1.ServiceAccountTokenKey])
	}
	for _, value := range s.Data {
		if slices.Contains(names, s.Name) {
			k.Add(value)
		}
		if bytes.Contains(value, []byte("kind: Config")) {
			// What only looks like one has no secrets that could be known.
			_ = k.AddKubeconfig(value)
		}
	}
}

// Scan reads all files *.log below a folder, and returns an error with each place where one has a secret: file, line, and the
// beginning of what is there.
func (k *Known) Scan(dir string) error {
	var found []error
	pattern := looks()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".log" {
			return err
		}
		return k.scan(path, pattern, func(line int, secret string) {
			found = append(found, fmt.Errorf("%s:%d has what looks like a secret, or is one: %s", path, line, redacted(secret)))
		})
	})
	return errors.Join(append(found, err)...)
}

func (k *Known) scan(path string, pattern *regexp.Regexp, found func(line int, secret string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := bufio.NewReader(file)
	for n := 1; ; n++ {
		line, err := reader.ReadBytes('\n')
		if match := pattern.Find(line); match != nil {
			found(n, string(match))
		}
		for value := range k.values {
			if bytes.Contains(line, []byte(value)) {
				found(n, value)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func redacted(secret string) string {
	return fmt.Sprintf("%q… (%d characters)", secret[:min(shown, len(secret))], len(secret))
}
