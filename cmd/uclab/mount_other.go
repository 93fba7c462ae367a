//go:build !linux

package main

import (
	"context"
	"errors"

	"github.com/uclab/uclab/appliance"
)

func (a *app) mountDirectory(context.Context, *appliance.Session, string, string, bool) error {
	return hintf(errors.New("directories can be mounted on Linux only"), "leave the directory out: a network drive is served instead, and the line that maps it is printed")
}
