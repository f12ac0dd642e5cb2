//go:build tools

// Package tools names the commands that this module exists to build.
package tools

import (
	_ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
)
