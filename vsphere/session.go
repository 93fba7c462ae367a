package vsphere

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// session is a soap.RoundTripper that logs in again when the server has
// forgotten the session, and repeats a call when that cannot do harm: any call
// that never reached the server, and reads whatever became of them. A lost
// answer to anything else is the caller's to reconcile (see lost).
type session struct {
	soap  soap.RoundTripper
	login func(context.Context) error // nil: for the calls before and in a login

	mu         sync.Mutex
	generation int // counts logins, so that parallel calls log in again once
}

const (
	maxAttempts  = 5
	firstBackoff = 50 * time.Millisecond
)

// RoundTrip implements soap.RoundTripper.
func (s *session) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	for attempt := 1; ; attempt++ {
		generation := s.current()
		err := s.soap.RoundTrip(ctx, req, res)
		if attempt == maxAttempts || ctx.Err() != nil {
			return err
		}
		switch {
		case s.login != nil && forgotten(err, res):
			if err := s.renew(ctx, generation); err != nil {
				return err
			}
		case err != nil && faultOf(err) == nil && (neverSent(err) || lost(err) && isRead(req)):
			if err := backoff(ctx, attempt); err != nil {
				return err
			}
		default:
			return err
		}
		// Decoding into a used body keeps the old fault.
		reflect.ValueOf(res).Elem().SetZero()
	}
}

func (s *session) current() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// renew logs in again unless another call has done so since generation.
func (s *session) renew(ctx context.Context, generation int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return nil
	}
	if err := s.login(ctx); err != nil {
		return err
	}
	s.generation++
	return nil
}

// forgotten says that the server does not know the session. Property reads say
// it per property and succeed otherwise.
func forgotten(err error, res soap.HasFault) bool {
	if err != nil {
		return fault.Is(err, &types.NotAuthenticated{})
	}
	switch body := res.(type) {
	case *methods.RetrievePropertiesExBody:
		return body.Res != nil && body.Res.Returnval != nil && unauthenticated(body.Res.Returnval.Objects)
	case *methods.RetrievePropertiesBody:
		return body.Res != nil && unauthenticated(body.Res.Returnval)
	}
	return false
}

func unauthenticated(objects []types.ObjectContent) bool {
	for i := range objects {
		for j := range objects[i].MissingSet {
			if _, ok := objects[i].MissingSet[j].Fault.Fault.(*types.NotAuthenticated); ok {
				return true
			}
		}
	}
	return false
}

// isRead says that a call changes nothing on the server that anybody would
// notice, so that repeating it is harmless.
func isRead(req soap.HasFault) bool {
	switch req.(type) {
	case *methods.RetrieveServiceContentBody, *methods.RetrievePropertiesExBody, *methods.RetrievePropertiesBody,
		*methods.CreateContainerViewBody, *methods.DestroyViewBody, *methods.LoginBody, *methods.LogoutBody,
		*methods.FindByInventoryPathBody, *methods.SearchDatastore_TaskBody, *methods.FindChildBody:
		return true
	}
	return false
}

// neverSent says that the request did not reach the server.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !isTLS(err)
}

// lost says that the connection failed and the server may or may not have acted.
func lost(err error) bool {
	if err == nil || faultOf(err) != nil || errors.Is(err, context.Canceled) || isTLS(err) {
		return false
	}
	var transport *url.Error
	if !errors.As(err, &transport) {
		// A response that was cut short while it was decoded.
		return strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "connection")
	}
	status := transport.Err.Error()
	if len(status) > 3 && status[0] >= '1' && status[0] <= '5' && status[3] == ' ' {
		return strings.HasPrefix(status, "502") || strings.HasPrefix(status, "503") || strings.HasPrefix(status, "504")
	}
	return true
}

func isTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "x509: ") || strings.Contains(text, "tls: ") || strings.Contains(text, "thumbprint does not match")
}

// backoff waits before the next attempt: 50 ms, doubling, with jitter.
func backoff(ctx context.Context, attempt int) error {
	wait := firstBackoff << (attempt - 1)
	wait += rand.N(wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
