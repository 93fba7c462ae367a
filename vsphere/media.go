package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// maxUploads bounds the uploads at the same time: they share one line.
const maxUploads = 3

// upload puts a disc or floppy image on the datastore: first under a name that
// nobody takes for a whole file, then, whole, under its own.
func (a *applier) upload(ctx context.Context, change *plan.Change) error {
	return a.fail(change.Path, failure("upload", change.Path, a.uploadWhole(ctx, change)))
}

func (a *applier) uploadWhole(ctx context.Context, change *plan.Change) error {
	if a.opts.OpenMedia == nil {
		return errors.New("nothing opens media")
	}
	if err := a.makeDirectory(ctx, path.Dir(change.Path)); err != nil {
		return err
	}
	part := change.Path + partSuffix
	for attempt := 1; ; attempt++ {
		err := a.put(ctx, change, part)
		if err == nil {
			break
		}
		if attempt == maxAttempts || !lost(err) && !passing(err) || ctx.Err() != nil {
			return errors.Join(err, a.removePart(context.WithoutCancel(ctx), part))
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
		// A call that is no upload logs in again where that is what it takes.
		if err := a.makeDirectory(ctx, path.Dir(change.Path)); err != nil {
			return err
		}
	}
	return a.rename(context.WithoutCancel(ctx), part, change)
}

// put sends the image. It is cut off when the work is interrupted.
func (a *applier) put(ctx context.Context, change *plan.Change, part string) (err error) {
	image, err := a.opts.OpenMedia(ctx, *change.Media)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, image.Close()) }()
	size := change.Media.Size
	reader := &countingReader{r: image, report: func(done int64) { a.opts.Progress.Step(change.Address, done, size) }}
	if err := a.send(ctx, reader, size, part); err != nil {
		return err
	}
	if reader.n != size {
		return fmt.Errorf("the image has %d bytes and was to have %d", reader.n, size)
	}
	return nil
}

func (a *applier) send(ctx context.Context, r io.Reader, size int64, part string) error {
	dir, file, _ := strings.Cut(part, "] ")
	u := a.vim.URL()
	u.Path = "/folder/" + file
	query := url.Values{"dsName": {strings.TrimPrefix(dir, "[")}}
	if a.vim.IsVC() {
		query.Set("dcPath", strings.TrimPrefix(a.world.inventoryPath(a.place.datacenter.ref), "/"))
	}
	u.RawQuery = query.Encode()
	param := soap.DefaultUpload
	param.ContentLength = size
	err := a.vim.Client.Upload(ctx, r, u, &param)
	if err != nil && httpStatus.MatchString(err.Error()) {
		return &refusedUpload{status: err.Error()}
	}
	return err
}

// httpStatus is the whole text of the error with which govmomi reports that an
// upload was answered with anything but success.
var httpStatus = regexp.MustCompile(`^[1-5]\d\d [A-Za-z ]+$`)

// refusedUpload is an upload that the server answered with a status.
type refusedUpload struct{ status string }

func (e *refusedUpload) Error() string { return "the server answered " + e.status }

// passing says that an upload was refused for a reason that may pass: a session
// that has ended, or a busy server.
func passing(err error) bool {
	var refused *refusedUpload
	return errors.As(err, &refused) && slices.Contains([]string{"401", "502", "503", "504"}, refused.status[:3])
}

type countingReader struct {
	r      io.Reader
	n      int64
	report func(done int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.report(c.n)
	return n, err
}

func (a *applier) makeDirectory(ctx context.Context, dir string) error {
	return a.repeat(ctx, func() error {
		_, err := methods.MakeDirectory(ctx, a.vim, &types.MakeDirectory{
			This: *a.vim.ServiceContent.FileManager, Name: dir, Datacenter: &a.place.datacenter.ref, CreateParentDirectories: types.NewBool(true),
		})
		if fault.Is(err, &types.FileAlreadyExists{}) {
			return nil
		}
		return err
	})
}

// rename gives a whole upload its own name. When the part is gone, the call
// whose answer was lost, or another apply with the same image, has done it.
func (a *applier) rename(ctx context.Context, part string, change *plan.Change) error {
	err := a.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.MoveDatastoreFile_Task(ctx, a.vim, &types.MoveDatastoreFile_Task{
			This:       *a.vim.ServiceContent.FileManager,
			SourceName: part, SourceDatacenter: &a.place.datacenter.ref,
			DestinationName: change.Path, DestinationDatacenter: &a.place.datacenter.ref,
			Force: types.NewBool(true),
		})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(error) bool { return false })
	if fault.Is(err, &types.FileNotFound{}) && a.whole(ctx, change) {
		return nil
	}
	return err
}

// removePart removes what is left of an upload. The server may still be at it for
// a moment after the connection is gone, so a look follows each removal. What
// stays all the same does no harm: the next upload overwrites it.
func (a *applier) removePart(ctx context.Context, part string) error {
	for attempt := 1; ; attempt++ {
		if err := a.removeFile(ctx, part); err != nil {
			return err
		}
		if attempt == partLooks {
			return nil
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
		if size, err := a.sizeOf(ctx, part); err == nil && size < 0 && attempt > 1 {
			return nil
		}
	}
}

// partLooks is how often removePart removes, over about a second.
const partLooks = 4

// sizeOf is the size of a file in the media directory, in bytes; -1 when it is
// not there.
func (a *applier) sizeOf(ctx context.Context, name string) (int64, error) {
	files, err := a.browse(ctx, a.place.datastore, plan.MediaDir)
	if err != nil {
		return -1, err
	}
	for _, file := range files {
		if f := file.GetFileInfo(); f.Path == path.Base(name) {
			return f.FileSize, nil
		}
	}
	return -1, nil
}

// whole says that the image is on the datastore under its own name and in full.
func (a *applier) whole(ctx context.Context, change *plan.Change) bool {
	size, err := a.sizeOf(ctx, change.Path)
	return err == nil && size == change.Media.Size
}

func (a *applier) deleteMedia(ctx context.Context, change *plan.Change) error {
	for _, found := range a.inv.Media {
		if found.Path == change.Path && found.UsedByOthers {
			return &Error{Op: "delete", On: change.Path, Why: "a VM that is not this lab's has it in a drive", hint: "take it out of that drive first"}
		}
	}
	return failure("delete", change.Path, a.removeFile(ctx, change.Path))
}

func (a *applier) removeFile(ctx context.Context, name string) error {
	return a.task(ctx, func(ctx context.Context) (ref, error) {
		res, err := methods.DeleteDatastoreFile_Task(ctx, a.vim, &types.DeleteDatastoreFile_Task{
			This: *a.vim.ServiceContent.FileManager, Name: name, Datacenter: &a.place.datacenter.ref,
		})
		if err != nil {
			return ref{}, err
		}
		return res.Returnval, nil
	}, func(err error) bool { return fault.Is(err, &types.FileNotFound{}) })
}
