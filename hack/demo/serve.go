// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"kube-bind.io/kube-bind/test/pair"
)

// What parent and child say to each other, a line each.
const (
	ready = "ready"
	keep  = "keep"
)

// Files of a child, in the world's folder.
const (
	pidFile    = "pid"
	serverFile = "server"
	serveLog   = "serve.log"
)

// serve runs the clusters until it is told to stop, or its parent ends without having said that they be kept. Who is told to stop
// leaves no files.
func serve(ctx context.Context, dir string) (err error) {
	p, err := pair.Start(ctx, pair.Options{LogDir: filepath.Join(dir, "logs"), FrontDoor: true, Kind: pair.KCPWorkspace})
	if err != nil {
		return err
	}
	told := false
	defer func() {
		err = errors.Join(err, p.Stop())
		if told {
			// Nobody else is left to do that.
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	for file, content := range map[string][]byte{
		providerKubeconfig: p.Provider.Kubeconfig(),
		consumerKubeconfig: p.Consumer.Kubeconfig(),
		serverFile:         []byte(p.Door()),
		pidFile:            []byte(strconv.Itoa(os.Getpid())),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			return err
		}
	}
	fmt.Println(ready)

	abandoned := make(chan struct{})
	go func() {
		kept := false
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			kept = kept || lines.Text() == keep
		}
		if !kept {
			close(abandoned)
		}
	}()
	select {
	case <-ctx.Done():
		told = true
		return nil
	case <-abandoned:
		return nil
	case <-p.Backend().Exited():
		return fmt.Errorf("the backend has ended:\n%s", p.Backend().LogTail(10))
	case <-p.Konnector().Exited():
		return fmt.Errorf("the konnector has ended:\n%s", p.Konnector().LogTail(10))
	}
}
