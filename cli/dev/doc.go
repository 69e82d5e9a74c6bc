// SPDX-License-Identifier: Apache-2.0

// Package dev runs a provider and a consumer to play with as processes of this machine: two control planes, the backend and the
// konnector. They outlive the program that starts them. Everything about them is in one folder, so that Delete leaves nothing.
//
// Each process has a file in run/ that says which one it is: its process id and when it began. A process id alone is given to
// somebody else after a while, and such a one is never touched. No process runs its program before its file is written, so that
// none can be lost, whenever its starter is killed.
package dev
