// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/kubeconfig"
)

// refusedError says why a kubeconfig of the provider is not taken over.
type refusedError struct{ why string }

func (e *refusedError) Error() string { return e.why }

// rotate takes over a token that the provider has renewed: that of the kubeconfig in the Secret that the ClusterBinding
// names. A provider can renew what it gave, and not send the konnector elsewhere: see renewal. The consumer's Secret is the
// one thing that is written. The condition tells the provider what came of it.
func (s *Session) rotate(ctx context.Context, binding *kubebindv1alpha2.ClusterBinding) (kubebindv1alpha2.Condition, error) {
	invalid := func(reason, format string, args ...any) (kubebindv1alpha2.Condition, error) {
		return kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionSecretValid, reason,
			kubebindv1alpha2.SeverityWarning, fmt.Sprintf(format, args...)), nil
	}
	ref := binding.Spec.KubeconfigSecretRef
	theirs := &corev1.Secret{}
	err := s.live.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: ref.Name}, theirs)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return invalid(kubebindv1alpha2.ReasonProviderSecretNotFound, "Secret %s cannot be read by the konnector.", ref.Name)
	case err != nil:
		return kubebindv1alpha2.Condition{}, fmt.Errorf("reading the provider's kubeconfig Secret: %w", err)
	}
	token, err := renewal(s.credential, theirs.Data[ref.Key])
	if err == nil && token != "" {
		err = s.try(ctx, token)
	}
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		return invalid(kubebindv1alpha2.ReasonProviderSecretInvalid, "The kubeconfig in Secret %s, key %q, is not taken over: %v.", ref.Name, ref.Key, refused)
	case err == nil && token != "":
		err = s.takeOver(ctx, token)
	}
	if err != nil {
		return kubebindv1alpha2.Condition{}, err
	}
	return kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionSecretValid), nil
}

// renewal is the token that a provider's kubeconfig has in place of the one in use, "" if it is that one:
//
//	cannot be used, or asks for what kubeconfig.ParsePlace refuses          refused
//	another server, server name, CA, namespace or client certificate  refused, and all of them named
//	the same token                                                    ""
//	another token                                                     that one
func renewal(have *kubeconfig.Credential, theirs []byte) (token string, err error) {
	fresh, err := kubeconfig.ParsePlace(theirs)
	if err != nil {
		return "", &refusedError{fmt.Sprintf("it cannot be used: %v", err)}
	}
	was, is := have.Config, fresh.Config
	var others []string
	for _, part := range []struct {
		name string
		same bool
	}{
		{"server", was.Host == is.Host},
		{"tls-server-name", was.ServerName == is.ServerName},
		{"certificate-authority-data", bytes.Equal(was.CAData, is.CAData)},
		{"namespace", have.Namespace == fresh.Namespace},
		{"client certificate", bytes.Equal(was.CertData, is.CertData) && bytes.Equal(was.KeyData, is.KeyData)},
		{"kind of credential", (was.BearerToken == "") == (is.BearerToken == "")},
	} {
		if !part.same {
			others = append(others, part.name)
		}
	}
	if len(others) > 0 {
		return "", &refusedError{fmt.Sprintf("beside the token it may have nothing new, and it has another %s; the consumer's admin can replace the kubeconfig there",
			strings.Join(others, ", "))}
	}
	if was.BearerToken == is.BearerToken {
		return "", nil
	}
	return is.BearerToken, nil
}

// try asks the provider for the place by a token. Once a token that it does not know were in use, nobody could be asked for
// another one.
func (s *Session) try(ctx context.Context, token string) error {
	config := rest.AddUserAgent(rest.CopyConfig(s.credential.Config), "konnector/"+s.connection.Version)
	config.BearerToken = token
	c, err := client.New(config, client.Options{Scheme: s.connection.Scheme, Mapper: mapper()})
	if err != nil {
		return fmt.Errorf("preparing the client of a renewed credential: %w", err)
	}
	err = c.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, &kubebindv1alpha2.ClusterBinding{})
	switch {
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return &refusedError{"its token does not open the consumer's place"}
	case err != nil:
		return fmt.Errorf("trying a renewed credential: %w", err)
	}
	return nil
}

// takeOver puts a renewed token into the consumer's Secret. The session ends by that.
func (s *Session) takeOver(ctx context.Context, token string) error {
	ref := s.connection.ref
	secrets := s.connection.Secrets.CoreV1().Secrets(ref.Namespace)
	ours, err := secrets.Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading Secret %s: %w", s.connection.refString(), err)
	}
	if have, err := kubeconfig.ParsePlace(ours.Data[ref.Key]); err != nil || !have.Equal(s.credential) {
		// Somebody has just put something else there; that is for the next session to judge.
		return nil //nolint:nilerr // what cannot be parsed is somebody else's, too
	}
	if ours.Data[ref.Key], err = withToken(ours.Data[ref.Key], token); err != nil {
		return err
	}
	if _, err := secrets.Update(ctx, ours, metav1.UpdateOptions{FieldManager: kubebindv1alpha2.FieldManager}); err != nil {
		return fmt.Errorf("renewing the token in Secret %s: %w", s.connection.refString(), err)
	}
	s.log.Info("took over a token that the provider has renewed")
	return nil
}

// withToken is a kubeconfig that kubeconfig.ParsePlace takes, with another token. The rest stays the consumer's, whatever else the
// provider's file has: it may be given to people as well.
func withToken(kubeconfig []byte, token string) ([]byte, error) {
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil, errors.New("reading the consumer's kubeconfig: it cannot be parsed")
	}
	config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo].Token = token
	out, err := clientcmd.Write(*config)
	if err != nil {
		return nil, errors.New("writing the renewed kubeconfig: it cannot be encoded")
	}
	return out, nil
}
