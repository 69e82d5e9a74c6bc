// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
	"kube-bind.io/kube-bind/deploy/install"
)

// explain returns the exit code of an error that was not made here, and what to do about it. There is always something.
func explain(err error) (code int, next string) {
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted, "Run the command again when you like."
	}
	if refused, ok := errors.AsType[*backendclient.RefusedError](err); ok {
		return explainRefusal(refused)
	}
	if away, ok := errors.AsType[*backendclient.UnreachableError](err); ok {
		return explainServer(away)
	}
	if answer, ok := errors.AsType[*backendclient.AnswerError](err); ok {
		return ExitUnreachable, explainAnswer(answer)
	}
	if there, ok := errors.AsType[*clusterError](err); ok {
		return explainCluster(there)
	}
	if _, ok := errors.AsType[*install.ForeignError](err); ok {
		return ExitFailed, "Mend that and run the command again, or use --skip-konnector and deploy the konnector yourself."
	}
	if _, ok := errors.AsType[*install.RequestError](err); ok {
		return ExitRefused, "Nothing was written to your cluster. Whoever made the request has to mend it: the provider's administrator, unless it is a file of yours."
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return ExitFailed, "Look at " + path.Path + ": is it there, and may you use it?"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ExitTimeout, "Run the command again; --timeout waits longer."
	}
	return ExitFailed, "Run the command again. If it stays so, show this to the provider's administrator, with what kubectl bind version prints."
}

// explainRefusal tells about the server's no.
func explainRefusal(refused *backendclient.RefusedError) (int, string) {
	switch refused.Err.Code {
	case kubebindv1alpha2.ErrorCodeAuthenticationFailed:
		return ExitSignIn, "Run: kubectl bind login " + loginArguments(&server{URL: refused.Server, Cluster: refused.Cluster})
	case kubebindv1alpha2.ErrorCodeAuthorizationFailed:
		return ExitRefused, "Ask the provider's administrator for the right to it. What you may bind: kubectl bind templates"
	case kubebindv1alpha2.ErrorCodeResourceNotFound:
		return ExitRefused, "What you may bind: kubectl bind templates"
	case kubebindv1alpha2.ErrorCodeBadRequest:
		return ExitRefused, "Mend what it names. If that is nothing of yours, compare the versions: kubectl bind version"
	case kubebindv1alpha2.ErrorCodeClusterConnectionFailed:
		return ExitUnreachable, "Run the command again in a minute. If it stays so, tell the provider's administrator."
	}
	return ExitFailed, "Run the command again. If it stays so, show this to the provider's administrator."
}

// explainServer tells about a server that does not answer.
func explainServer(away *backendclient.UnreachableError) (int, string) {
	const trust = " To have its CA trusted by this program only, name a file with it in SSL_CERT_FILE. --insecure-skip-tls-verify is for trying things out."
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		cert      *tls.CertificateVerificationError
		dns       *net.DNSError
		timeout   net.Error
	)
	switch {
	case errors.As(away.Err, &host):
		return ExitUnreachable, "Use the name that its certificate is for, or tell its administrator." + trust
	case errors.As(away.Err, &authority), errors.As(away.Err, &cert):
		return ExitUnreachable, "Make sure that this is the right server." + trust
	case errors.Is(away.Err, http.ErrSchemeMismatch):
		return ExitUnreachable, "It does not speak https there. If it is meant to be so, use http://"
	case errors.As(away.Err, &dns):
		return ExitUnreachable, "Is its name right? Can this machine resolve it?"
	case errors.Is(away.Err, context.DeadlineExceeded), errors.As(away.Err, &timeout) && timeout.Timeout():
		return ExitTimeout, "Run the command again; --request-timeout waits longer."
	}
	return ExitUnreachable, "Is its URL right, and is it up? A proxy is taken from HTTPS_PROXY and NO_PROXY."
}

// explainAnswer tells about something that is no kube-bind server.
func explainAnswer(answer *backendclient.AnswerError) string {
	switch {
	case answer.Location != "":
		return "Is its URL right? Perhaps it is the one that it sends to."
	case answer.Status >= 500:
		return "It may be down behind a proxy. Run the command again in a minute. If it stays so, tell the provider's administrator."
	}
	return "Is its URL right? The provider's administrator knows it."
}

// explainCluster tells about the API server of the consumer, or of the provider.
func explainCluster(there *clusterError) (int, string) {
	away := apierrors.ReasonForError(there.err) == "" && !errors.Is(there.err, context.DeadlineExceeded)
	unavailable := apierrors.IsServiceUnavailable(there.err) || apierrors.IsTimeout(there.err) || apierrors.IsServerTimeout(there.err) || apierrors.IsTooManyRequests(there.err)
	slow, isNet := errors.AsType[net.Error](there.err)
	switch {
	case errors.Is(there.err, context.DeadlineExceeded), isNet && slow.Timeout():
		return ExitTimeout, "Run the command again; --timeout and --request-timeout wait longer."
	case there.provider && apierrors.IsUnauthorized(there.err):
		return ExitRefused, "The credential has expired, or was taken back. Bind again for a new one: kubectl bind --template NAME"
	case there.provider && (apierrors.IsForbidden(there.err) || apierrors.IsNotFound(there.err)):
		return ExitRefused, "Show this to the provider's administrator."
	case there.provider && (away || unavailable):
		return ExitUnreachable, "Can this machine reach that address? The provider's administrator knows how. The command can be run again."
	case apierrors.IsUnauthorized(there.err):
		return ExitFailed, "Sign in to your own cluster again, or choose other credentials with --kubeconfig, --context or --user."
	case apierrors.IsForbidden(there.err):
		return ExitFailed, "Ask your cluster's administrator for that right, or choose who you are with --context or --as."
	case away || unavailable:
		return ExitUnreachable, "Is your cluster up, and does kubectl reach it? --kubeconfig and --context choose another."
	}
	return ExitFailed, "Mend that, and run the command again."
}
