// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "Folder of the project.")
	out := flag.String("o", "dist/site", "Folder to write to. A site of an earlier run is replaced, anything else is left as it is.")
	flag.Parse()
	n, err := Build(*root, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
	fmt.Printf("%s/index.html: %d pages\n", *out, n)
}
