// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	toolscache "k8s.io/client-go/tools/cache"
)

// watchSecret offers each state of the connection's Secret, and nil when it is absent. Only this one Secret is read, so
// that the konnector neither holds nor may see the others.
func (c *Connection) watchSecret(ctx context.Context) {
	factory := informers.NewSharedInformerFactoryWithOptions(c.Secrets, 0,
		informers.WithNamespace(c.ref.Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, c.ref.Name).String()
		}))
	informer := factory.Core().V1().Secrets().Informer()
	offer := func(o any) {
		secret, ok := o.(*corev1.Secret)
		if ok {
			c.offer(secret)
		}
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    offer,
		UpdateFunc: func(_, o any) { offer(o) },
		DeleteFunc: func(any) { c.offer(nil) },
	})
	if err != nil {
		c.Log.Error(err, "cannot watch the kubeconfig Secret", "secret", c.refString())
		return
	}
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) && len(informer.GetStore().ListKeys()) == 0 {
		c.offer(nil)
	}
	<-ctx.Done()
}

// offer replaces a state that was not taken yet.
func (c *Connection) offer(secret *corev1.Secret) {
	for {
		select {
		case c.secrets <- secret:
			return
		default:
		}
		select {
		case <-c.secrets:
		default:
		}
	}
}
