//go:build !windows

package sim

import (
	"os/exec"
	"syscall"
)

// detach gives the process a session of its own: it outlives the command, and
// the terminal's Ctrl-C does not reach it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
