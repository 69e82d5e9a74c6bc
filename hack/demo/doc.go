// SPDX-License-Identifier: Apache-2.0

// Command demo shows the main path on two real control planes: it binds an API, syncs an object both ways, and takes
// everything away again. Each step is the command that a user would type, and it is that very text that runs.
//
// The clusters are those of kubectl bind dev, in a folder of the demo's own. If the provider is a kcp they run in a child process
// ("demo serve"), so that --keep can leave them behind; without it they end with the demo, however that ends.
package main
