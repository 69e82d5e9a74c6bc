// SPDX-License-Identifier: Apache-2.0

package kcpinit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
)

// poll is how often something is looked at that kcp has to do.
const poll = 200 * time.Millisecond

// until waits until check has nothing more to complain about, or ctx ends, and then says what the last complaint was. A kcp that
// does not answer is waited for, too; what else goes wrong ends it.
func (i *initializer) until(ctx context.Context, what string, check func(context.Context) (string, error)) error {
	var complaint string
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		now, err := check(ctx)
		switch {
		case err == nil:
			complaint = now
		case away(err):
			complaint = err.Error()
		case !cutShort(err): // that says nothing
			return false, err
		}
		return err == nil && complaint == "", nil
	})
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case complaint == "":
		complaint = "no answer from " + i.opts.Config.Host
	}
	return fmt.Errorf("waiting for %s: %w: %s", what, ctx.Err(), complaint)
}

// cutShort tells whether an error only says that the time is over.
func cutShort(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// away tells whether an error says that kcp does not answer, or has no time to: it may be starting.
func away(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	if cutShort(err) {
		return false
	}
	return utilnet.IsTimeout(err) || utilnet.IsProbableEOF(err) || utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err)
}
