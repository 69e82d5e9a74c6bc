// SPDX-License-Identifier: Apache-2.0

// Package template tells providers what in their APIServiceExportTemplates and Collections can be bound, and why not.
//
// It writes conditions only. A request is checked on its own, whatever they say.
package template
