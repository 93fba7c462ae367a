package vsphere

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"strings"
	"syscall"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// failure turns a cause into an *Error that says what failed on what. An *Error
// that comes in stays what it is, but for one that does not know on what.
func failure(op, on string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		if known.On == "" && on != "" {
			return &Error{Op: op, On: on, Why: known.Why, hint: known.hint, Err: known.Err}
		}
		return err
	}
	why, hint := sentence(err)
	return &Error{Op: op, On: on, Why: why, hint: hint, Err: err}
}

// sentence says in a user's words why a call failed, and what to do about it.
func sentence(err error) (why, hint string) {
	if errors.Is(err, context.Canceled) {
		return "interrupted", ""
	}
	if why, hint, ok := transportSentence(err); ok {
		return why, hint
	}
	var upload *refusedUpload
	if errors.As(err, &upload) {
		return upload.Error(), "check the free space and the state of the datastore, and that the user may write to it"
	}
	if f := faultOf(err); f != nil {
		if why, hint, ok := accessSentence(f); ok {
			return why, hint
		}
		if why, hint, ok := storageSentence(f); ok {
			return why, hint
		}
		if why, hint, ok := machineSentence(f); ok {
			return why, hint
		}
		return otherFault(err, f)
	}
	return strings.TrimSpace(err.Error()), ""
}

// faultOf digs the typed fault out of SOAP errors and task errors; nil when
// there is none. (fault.In panics on errors that wrap nothing, as those of the
// net package may.)
func faultOf(err error) types.BaseMethodFault {
	var carrier interface{ Fault() types.BaseMethodFault }
	if errors.As(err, &carrier) {
		return carrier.Fault()
	}
	return nil
}

func transportSentence(err error) (why, hint string, ok bool) {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		dns       *net.DNSError
		timeout   interface{ Timeout() bool }
		status    *url.Error
	)
	const trust = "trust its authority with ca_file, pin it with thumbprint, or set insecure = true (GOVC_INSECURE=1) in a lab of your own"
	switch {
	case errors.As(err, &hostname):
		return fmt.Sprintf("the server's certificate is for another name: %s", hostname.Error()), trust, true
	case errors.As(err, &authority):
		return "the server's certificate is signed by an authority that this machine does not trust", trust, true
	case errors.As(err, &invalid):
		return "the server's certificate is not valid: " + invalid.Error(), trust, true
	case strings.Contains(err.Error(), "thumbprint does not match"):
		return "the server's certificate is not the one that is pinned", "check the server; if its certificate was renewed, pin the new thumbprint", true
	case strings.Contains(err.Error(), "x509: "):
		return "the server's certificate cannot be verified", trust, true
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s cannot be resolved", dns.Name), "check the server's name and the DNS of this machine", true
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "connection refused"):
		return "the server refuses connections", "check the address and port, and that the server runs", true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the server cannot be reached", "check the network and the address", true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the server did not answer in time", "try again; a longer wait helps when the server is busy", true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), strings.Contains(err.Error(), "connection reset"):
		return "the server closed the connection before it answered", "run the command again: what was done already is found and kept", true
	case errors.As(err, &status) && faultOf(err) == nil:
		return "the server answered " + status.Err.Error(), "check that the URL is that of a vCenter or an ESXi host", true
	}
	return "", "", false
}

func accessSentence(f types.BaseMethodFault) (why, hint string, ok bool) {
	switch f := f.(type) {
	case *types.InvalidLogin:
		return "user name or password is wrong", "check GOVC_USERNAME and GOVC_PASSWORD (or those in GOVC_URL)", true
	case *types.NoPermission:
		why = "the user may not do it"
		if f.PrivilegeId != "" {
			why = fmt.Sprintf("the user lacks the privilege %s", f.PrivilegeId)
		}
		return why, "ask for a role that has the privilege, or use another user", true
	case *types.NotAuthenticated:
		return "the session has ended", "run the command again", true
	case *types.RestrictedVersion:
		return "this host has the free ESXi licence, whose API is read-only", "license the host, or manage it with a vCenter", true
	case *types.NotSupported, *types.NotImplemented:
		return "the server does not support it", "", true
	case *types.HostNotConnected, *types.HostNotReachable, *types.HostCommunication:
		return "the host does not answer the vCenter", "reconnect the host, or name another", true
	case *types.ManagedObjectNotFound:
		return "it is not there any more", "run the command again: it looks at what there is now", true
	}
	return "", "", false
}

func storageSentence(f types.BaseMethodFault) (why, hint string, ok bool) {
	const space = "free some space, or name another datastore"
	switch f := f.(type) {
	case *types.NoDiskSpace:
		return fmt.Sprintf("datastore %s is full", f.Datastore), space, true
	case *types.InvalidDatastorePath:
		return fmt.Sprintf("there is no datastore path %s", f.DatastorePath), "name a datastore that the target has", true
	case *types.InvalidDatastore:
		return fmt.Sprintf("there is no usable datastore %s", f.Name), "name a datastore that the target has", true
	case *types.FileNotFound:
		return fmt.Sprintf("file %s is not there", f.File), "run the command again: what is missing is uploaded", true
	case *types.FileAlreadyExists:
		return fmt.Sprintf("file %s is there already", f.File), "remove it, or rename the VM", true
	case *types.FileLocked:
		return fmt.Sprintf("file %s is in use", f.File), "shut off what uses it", true
	case *types.CannotCreateFile:
		return fmt.Sprintf("file %s cannot be created", f.File), space, true
	case *types.CannotAccessFile:
		return fmt.Sprintf("file %s cannot be read", f.File), "check that the host has the datastore", true
	case types.BaseFileFault:
		return fmt.Sprintf("file %s: the datastore refuses it", f.GetFileFault().File), "check the datastore's space and state", true
	}
	return "", "", false
}

func machineSentence(f types.BaseMethodFault) (why, hint string, ok bool) {
	switch f := f.(type) {
	case *types.DuplicateName:
		return fmt.Sprintf("the name %s is taken", f.Name), "rename the lab or the node, or remove what has the name", true
	case *types.InvalidName:
		return fmt.Sprintf("the name %s is not allowed", f.Name), "rename the lab or the node", true
	case *types.ResourceInUse:
		return fmt.Sprintf("%s is in use", orIt(f.Name)), "shut off or remove what uses it", true
	case *types.InvalidPowerState:
		return fmt.Sprintf("the VM is %s and has to be %s", powerWord(f.ExistingState), powerWord(f.RequestedState)), "run the command again: it looks at what there is now", true
	case *types.InvalidArgument:
		return fmt.Sprintf("the server does not accept %s", property(f.InvalidProperty)), "check that value in the lab file", true
	case *types.InvalidDeviceBacking, *types.InvalidDeviceSpec, *types.DeviceNotSupported:
		return "the host does not accept a device: " + deviceProperty(f), "check the node's discs, networks and device types", true
	case types.BaseInvalidVmConfig:
		return fmt.Sprintf("the host does not accept %s", property(f.GetInvalidVmConfig().Property)), "check that value in the lab file", true
	case types.BaseInsufficientResourcesFault:
		return "the target has not enough free memory, CPU or slots for it", "shut something off, use less memory, or name another pool", true
	case *types.TaskInProgress:
		return "another task is at work on it", "try again when that has ended", true
	case *types.RequestCanceled:
		return "somebody cancelled the task on the server", "run the command again", true
	case *types.NotFound:
		return "it is not there", "run the command again: it looks at what there is now", true
	case *types.AlreadyExists:
		return fmt.Sprintf("%s is there already", orIt(f.Name)), "remove it, or use another name", true
	}
	return "", "", false
}

// otherFault has no sentence of its own: the server's text, else the fault's
// name as words.
func otherFault(err error, f types.BaseMethodFault) (why, hint string) {
	name := reflect.Indirect(reflect.ValueOf(f)).Type().Name()
	text := ""
	var localized types.HasLocalizedMethodFault
	switch {
	case errors.As(err, &localized) && localized.GetLocalizedMethodFault() != nil:
		text = localized.GetLocalizedMethodFault().LocalizedMessage
	case soap.IsSoapFault(err):
		text = soap.ToSoapFault(err).String
	}
	if text == "" || strings.Contains(text, "types.") || text == name {
		return "the server refuses it (" + spaced(name) + ")", "look at the recent tasks and events of the target"
	}
	return strings.TrimSuffix(text, "."), "look at the recent tasks and events of the target"
}

// spaced writes VmConfigFault as "vm config fault".
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// property names the last part of a path such as "configSpec.guestId".
func property(path string) string {
	if path == "" {
		return "a value of the configuration"
	}
	return path[strings.LastIndex(path, ".")+1:]
}

func deviceProperty(f types.BaseMethodFault) string {
	if bad, ok := f.(types.BaseInvalidVmConfig); ok && bad.GetInvalidVmConfig().Property != "" {
		return bad.GetInvalidVmConfig().Property
	}
	return "its backing or its type"
}

func powerWord(state types.VirtualMachinePowerState) string {
	switch state {
	case types.VirtualMachinePowerStatePoweredOn:
		return "running"
	case types.VirtualMachinePowerStateSuspended:
		return "suspended"
	default:
		return "shut off"
	}
}

func orIt(name string) string {
	if name == "" {
		return "it"
	}
	return name
}
