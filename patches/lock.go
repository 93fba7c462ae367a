package patches

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/uclab/uclab/appliance"
)

// DefaultLease is how long a lock counts that its holder does not renew, as
// after a cut connection.
const DefaultLease = 15 * time.Second

// lock keeps two changes of one ledger apart. It is a file that is made only if
// it is not there, renewed while it is held, and taken over when it has not
// been renewed for a lease. Renewing counts the file's time up: the clocks of
// the machines are not compared.
type lock struct {
	session *appliance.Session
	path    string
	token   string
	lease   time.Duration
	stop    context.CancelFunc
	done    chan struct{}
}

// acquire waits for the lock.
func acquire(ctx context.Context, l *ledger, options Options) (*lock, error) {
	k := &lock{session: l.session, path: l.lockPath(), token: rand.Text(), lease: options.lease()}
	var seen string
	var since time.Time
	for {
		err := k.session.CreateExclusive(ctx, k.path, []byte(k.token+" "+options.By+"\n"))
		if err == nil {
			break
		}
		if errors.Is(err, fs.ErrNotExist) { // the ledger's directory is not there, or was just removed
			if err := l.prepare(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, appliance.ErrConnectionLost) {
			return nil, fmt.Errorf("lock the ledger: %w", err)
		}
		file, err := k.session.ReadFile(ctx, k.path, maxFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, appliance.ErrChanged): // it is being made
			continue
		case err != nil:
			return nil, fmt.Errorf("lock the ledger: %w", err)
		case strings.HasPrefix(string(file.Data), k.token+" "): // made just before a cut
			k.keep(ctx)
			return k, nil
		case file.ModTime.String()+string(file.Data) != seen:
			if seen == "" {
				options.note(fmt.Sprintf("%s: waiting for another change of this appliance (%s)", l.session.Name(), holder(file.Data)))
			}
			seen, since = file.ModTime.String()+string(file.Data), time.Now()
		case time.Since(since) > k.lease:
			if err := k.takeOver(ctx); err != nil {
				return nil, err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock the ledger: %w", ctx.Err())
		case <-time.After(k.lease / 10):
		}
	}
	k.keep(ctx)
	return k, nil
}

// holder gives the name in a lock file.
func holder(data []byte) string {
	_, by, found := strings.Cut(strings.TrimSpace(string(data)), " ")
	if !found {
		return "unknown"
	}
	return by
}

// takeOver moves a lock that nobody renews out of the way. Of several who try,
// one wins; the others find it gone.
func (k *lock) takeOver(ctx context.Context) error {
	stale := k.path + ".stale-" + k.token
	if err := k.session.Rename(ctx, k.path, stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take over the lock of the ledger: %w", err)
	}
	return k.session.Remove(ctx, stale)
}

// keep renews the lock until it is released.
func (k *lock) keep(ctx context.Context) {
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	k.done = make(chan struct{})
	go func() {
		defer close(k.done)
		for n := int64(1); ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-time.After(k.lease / 3):
			}
			if k.held(ctx) == nil {
				_ = k.session.Touch(ctx, k.path, time.Unix(n, 0)) // fails with the connection: the lock runs out
			}
		}
	}()
}

// held tells whether nobody has taken the lock over.
func (k *lock) held(ctx context.Context) error {
	file, err := k.session.ReadFile(ctx, k.path, maxFile)
	if err != nil {
		return fmt.Errorf("the lock of the ledger was lost: %w", err)
	}
	if !strings.HasPrefix(string(file.Data), k.token+" ") {
		return errors.New("the lock of the ledger was taken over: the connection was away for too long")
	}
	return nil
}

func (k *lock) release(ctx context.Context) error {
	k.stop()
	<-k.done
	if k.held(ctx) != nil {
		return nil // not ours any more
	}
	return k.session.Remove(ctx, k.path)
}
