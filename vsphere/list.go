package vsphere

import (
	"context"
	"errors"
	"time"
)

// LabSummary is one lab found on a target by its marks.
type LabSummary struct {
	Name     string
	Nodes    int
	Running  int
	MemoryMB int64 // MiB, configured
	DiskGB   int64 // GiB, provisioned
	Owner    string
	Created  time.Time // zero: unknown
	Expires  time.Time // zero: never
}

// List finds all labs on the target by their marks, sorted by name.
func (c *Client) List(ctx context.Context) ([]LabSummary, error) {
	return nil, errors.New("not connected")
}
