// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kube-bind.io/kube-bind/cli/backendclient"
	"kube-bind.io/kube-bind/deploy/install"
)

// Every error that is made in this package says what to do next: errors.New and fmt.Errorf without %w stand only within exit,
// with a hint, or are explained by Execute.
func TestEveryErrorSaysWhatNext(t *testing.T) {
	// These have their hint from elsewhere.
	elsewhere := []string{"usage", "tidy", "signedIn"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	hints := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			excepted := strings.Contains(" "+strings.Join(elsewhere, " ")+" ", " "+function.Name.Name+" ")
			hints += inspectErrors(t, set, function, excepted)
		}
	}
	if hints < 20 {
		t.Errorf("only %d errors were found", hints)
	}
}

// inspectErrors looks at the errors that a function makes, and counts those with a hint.
func inspectErrors(t *testing.T, set *token.FileSet, function *ast.FuncDecl, excepted bool) (hints int) {
	t.Helper()
	within := map[ast.Node]bool{}
	ast.Inspect(function, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch name(call.Fun) {
		case "exit":
			hints++
			if hint, ok := call.Args[2].(*ast.BasicLit); !ok || len(hint.Value) < 10 {
				t.Errorf("%s: an error without a hint", set.Position(call.Pos()))
			}
			ast.Inspect(call.Args[1], func(n ast.Node) bool { within[n] = n != nil; return true })
		case "errors.New", "fmt.Errorf":
			format, _ := call.Args[0].(*ast.BasicLit)
			wraps := format != nil && strings.Contains(format.Value, "%w")
			if !wraps && !within[call] && !excepted {
				t.Errorf("%s: an error without a hint: use exit", set.Position(call.Pos()))
			}
		}
		return true
	})
	return hints
}

func name(fun ast.Expr) string {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// What others' errors mean: the code, and a hint that fits.
func TestExplain(t *testing.T) {
	group := schema.GroupResource{Resource: "secrets"}
	consumer := func(err error) error {
		return fmt.Errorf("doing: %w", &clusterError{where: "https://c.example", err: err})
	}
	provider := func(err error) error {
		return fmt.Errorf("doing: %w", &clusterError{where: "https://p.example", provider: true, err: err})
	}
	refused := &url.Error{Op: "Get", URL: "https://c.example/api", Err: errors.New("connection refused")}
	for i, tc := range []struct {
		err  error
		code int
		next string
	}{
		{errors.New("anything"), ExitFailed, "kubectl bind version"},
		{&fs.PathError{Op: "open", Path: "x.yaml", Err: fs.ErrNotExist}, ExitFailed, "Look at x.yaml"},
		{&install.ForeignError{Message: "in the way"}, ExitFailed, "--skip-konnector"},
		{fmt.Errorf("the answer: %w", &install.RequestError{Message: "pods"}), ExitRefused, "Nothing was written"},
		{context.DeadlineExceeded, ExitTimeout, "--timeout"},
		{context.Canceled, ExitInterrupted, "again"},
		{consumer(refused), ExitUnreachable, "does kubectl reach it"},
		{consumer(apierrors.NewUnauthorized("x")), ExitFailed, "Sign in to your own cluster"},
		{consumer(apierrors.NewForbidden(group, "x", nil)), ExitFailed, "your cluster's administrator"},
		{consumer(apierrors.NewServiceUnavailable("x")), ExitUnreachable, "Is your cluster up"},
		{consumer(context.DeadlineExceeded), ExitTimeout, "--request-timeout"},
		{consumer(apierrors.NewConflict(group, "x", nil)), ExitFailed, "run the command again"},
		{provider(refused), ExitUnreachable, "Can this machine reach that address"},
		{provider(apierrors.NewUnauthorized("x")), ExitRefused, "Bind again"},
		{provider(apierrors.NewForbidden(group, "x", nil)), ExitRefused, "provider's administrator"},
		{provider(apierrors.NewNotFound(group, "x")), ExitRefused, "provider's administrator"},
		{provider(apierrors.NewTooManyRequests("x", 1)), ExitUnreachable, "can be run again"},
		{&backendclient.UnreachableError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}, ExitUnreachable, "the name that its certificate is for"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			code, next := explain(tc.err)
			if code != tc.code || !strings.Contains(next, tc.next) {
				t.Errorf("%v: got %d, %q", tc.err, code, next)
			}
		})
	}
	if got := consumer(refused).Error(); !strings.Contains(got, "your cluster (https://c.example) cannot be reached: connection refused") {
		t.Errorf("got %q", got)
	}
}
