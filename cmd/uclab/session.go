package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// session is a lab together with its target and what was found there.
type session struct {
	lab       *loaded
	client    *vsphere.Client
	inventory *plan.Inventory
}

// open loads the lab, reads the media that will be uploaded, connects, and
// observes the target.
func (a *app) open(ctx context.Context, flags labFlags, args []string) (*session, error) {
	lab, err := a.load(ctx, flags, args)
	if err != nil {
		return nil, err
	}
	return a.openLab(ctx, lab)
}

func (a *app) openLab(ctx context.Context, lab *loaded) (*session, error) {
	if err := a.fingerprintMedia(ctx, lab.Lab); err != nil {
		return nil, err
	}
	return a.openMachines(ctx, lab)
}

// openMachines is openLab for commands that leave the media as they are.
func (a *app) openMachines(ctx context.Context, lab *loaded) (_ *session, err error) {
	client, err := a.connect(ctx, lab.Target)
	if err != nil {
		return nil, err
	}
	s := &session{lab: lab, client: client}
	if err := a.observe(ctx, s); err != nil {
		return nil, errors.Join(err, closeClient(ctx, client))
	}
	return s, nil
}

// observe looks at the target, which also tells when a lab with a lifetime
// expires. What a lenient lab misses there is a warning.
func (a *app) observe(ctx context.Context, s *session) error {
	inventory, err := s.client.Observe(ctx, s.lab.Lab)
	var unresolved *vsphere.UnresolvedError
	if s.lab.lenient && inventory != nil && errors.As(err, &unresolved) {
		for _, miss := range unresolved.Misses {
			a.warnAll(s.lab, []string{miss.String()})
		}
		err = nil
	}
	if err != nil {
		return err
	}
	s.inventory = inventory
	s.lab.Expires = plan.Expires(s.lab.Lab, inventory, time.Now())
	return nil
}

// close logs out, even when the work was interrupted.
func (s *session) close(ctx context.Context, err *error) {
	*err = errors.Join(*err, closeClient(ctx, s.client))
}

func closeClient(ctx context.Context, client *vsphere.Client) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return client.Close(ctx)
}

// diff plans, and says as warnings what the planner wants known.
func (a *app) diff(s *session) (*plan.Plan, error) {
	p, err := plan.Diff(s.lab.Lab, s.inventory)
	if err != nil {
		return nil, err
	}
	p.Only(s.lab.pods)
	a.warnAll(s.lab, p.Warnings)
	if end := s.lab.Expires; !end.IsZero() && end.Before(time.Now()) {
		a.warnAll(s.lab, []string{fmt.Sprintf("lab %s expired at %s: 'uclab reap' destroys it, a later expires or a longer ttl keeps it", s.lab.Name, timeText(end))})
	}
	return p, nil
}

func (a *app) warnAll(lab *loaded, warnings []string) {
	for _, warning := range warnings {
		a.warn(warning)
		lab.warned = true
	}
}

// shortLab names the lab and where it lives.
func shortLab(lab *labspec.Lab, inventory *plan.Inventory) string {
	return "lab " + lab.Name + " in " + targetName(inventory.Target)
}
