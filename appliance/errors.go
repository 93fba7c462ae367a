package appliance

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/pkg/sftp"
)

// What a caller may want to tell apart with errors.Is.
var (
	ErrLegacy         = errors.New("the server offers only old algorithms")
	ErrAuthentication = errors.New("the server accepted none of the credentials")
	ErrHostKeyUnknown = errors.New("the host key is not known")
	ErrHostKeyChanged = errors.New("the host key differs from the known one")
	ErrConnectionLost = errors.New("the connection was lost")
	ErrNoShell        = errors.New("the account has no root shell for commands")
	ErrChanged        = errors.New("the file is no longer what it was")
	ErrTooLarge       = errors.New("the file is too large")
)

// hintError is an error that knows the way past it.
type hintError struct {
	error
	hint string
}

// Hint is one sentence: what to do about the error.
func (e hintError) Hint() string { return e.hint }

func (e hintError) Unwrap() error { return e.error }

func hintf(err error, format string, args ...any) error {
	return hintError{err, fmt.Sprintf(format, args...)}
}

// The SFTP status codes that need telling apart (draft-ietf-secsh-filexfer-02,
// section 7).
const (
	statusFailure     = 4
	statusUnsupported = 8
)

func hasStatus(err error, code uint32) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.Code == code
}

// answered tells whether the server itself gave the error, so that the
// connection is known to work.
func answered(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, ErrChanged) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrNoShell)
}

// explain makes an SFTP error say what the code means: servers answer a full
// disk, a read-only file system and an existing target all with "Failure"
// (OpenSSH sftp-server.c, errno_to_portable).
func explain(err error, doing string) error {
	if err == nil {
		return nil
	}
	if hasStatus(err, statusFailure) {
		return hintf(fmt.Errorf("%s: the server answered only \"failure\": %w", doing, err),
			"look for a full disk ('df'), a read-only file system or a file in the way: the server does not say which")
	}
	return fmt.Errorf("%s: %w", doing, err)
}
