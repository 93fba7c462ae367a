package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// stateDir is where uclab keeps what must outlive a command: the embedded
// simulator's world and the locks.
func (a *app) stateDir() (string, error) {
	if dir := a.env("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "uclab"), nil
	}
	if dir := a.env("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "uclab"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", hintf(fmt.Errorf("find the state directory: %w", err), "set HOME or XDG_STATE_HOME")
	}
	return filepath.Join(home, ".local", "state", "uclab"), nil
}

// cacheDir is where uclab keeps what it can compute again.
func (a *app) cacheDir() (string, error) {
	if dir := a.env("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "uclab"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", hintf(fmt.Errorf("find the cache directory: %w", err), "set HOME or XDG_CACHE_HOME")
	}
	return filepath.Join(dir, "uclab"), nil
}
