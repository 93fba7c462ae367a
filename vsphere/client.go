package vsphere

import (
	"context"
	"errors"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25"
)

// Client is a session with one target. It is safe for concurrent use.
type Client struct {
	cfg Config
	vim *vim25.Client
}

// Dial connects and logs in. Errors are *Error and never hold the password.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	return nil, errors.New("not connected")
}

// Close logs out.
func (c *Client) Close(ctx context.Context) error { return nil }

// Target says what the server is: plan.TargetSimulator, plan.TargetVCenter or
// plan.TargetESXi.
func (c *Client) Target() string {
	switch {
	case c.cfg.Simulator:
		return plan.TargetSimulator
	case c.vim.IsVC():
		return plan.TargetVCenter
	default:
		return plan.TargetESXi
	}
}

// Observe reads everything on the target that matters to the lab, in a number
// of round trips that does not grow with the number of VMs. Names that the lab
// uses and the target does not have come back together as *UnresolvedError.
func (c *Client) Observe(ctx context.Context, lab *labspec.Lab) (*plan.Inventory, error) {
	return nil, errors.New("not connected")
}
