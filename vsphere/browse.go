package vsphere

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// partSuffix ends the name of an upload that has not ended.
const partSuffix = ".part"

// mediaFiles lists what is in the media directory of the lab's datastore, and
// checks that the files are there that the lab says are on a datastore already.
func (c *Client) mediaFiles(ctx context.Context, w *world, p *place, lab *labspec.Lab) ([]types.BaseFileInfo, error) {
	files, err := c.browse(ctx, p.datastore, plan.MediaDir)
	if err != nil {
		return nil, err
	}
	wanted := map[string][]string{} // "[ds] dir" -> base names
	for _, m := range lab.Media {
		if ds, file, ok := strings.Cut(m.Source, "] "); ok && strings.HasPrefix(ds, "[") {
			dir := ds + "] " + strings.TrimPrefix(path.Dir(file), ".")
			wanted[dir] = append(wanted[dir], path.Base(file))
		}
	}
	missing := &UnresolvedError{}
	for dir, names := range wanted {
		if err := c.checkFiles(ctx, w, p, dir, names, missing); err != nil {
			return nil, err
		}
	}
	if len(missing.Misses) > 0 {
		slices.SortFunc(missing.Misses, func(a, b Miss) int { return strings.Compare(a.Name, b.Name) })
		return files, missing
	}
	return files, nil
}

func (c *Client) checkFiles(ctx context.Context, w *world, p *place, dir string, names []string, missing *UnresolvedError) error {
	ds := w.datastoreByName(p.datacenter, datastoreOf(dir))
	if ds == nil {
		return nil // missed already
	}
	files, err := c.browse(ctx, ds, strings.TrimPrefix(dir, "["+ds.name+"] "))
	if err != nil {
		return err
	}
	there := make([]string, len(files))
	for i, f := range files {
		there[i] = f.GetFileInfo().Path
	}
	for _, name := range names {
		if !slices.Contains(there, name) {
			missing.Misses = append(missing.Misses, Miss{Kind: "file", Name: strings.TrimSuffix(dir, "/") + "/" + name, Near: nearest(name, there)})
		}
	}
	return nil
}

func (w *world) datastoreByName(dc *datacenter, name string) *datastore {
	for _, ds := range w.datastores {
		if ds.name == name && w.within(ds.ref, dc.ref) {
			return ds
		}
	}
	return nil
}

// browse lists the files of one datastore directory; one that is not there has
// none.
func (c *Client) browse(ctx context.Context, ds *datastore, dir string) ([]types.BaseFileInfo, error) {
	where := fmt.Sprintf("[%s] %s", ds.name, dir)
	search, err := methods.SearchDatastore_Task(ctx, c.vim, &types.SearchDatastore_Task{
		This:          ds.browser,
		DatastorePath: where,
		SearchSpec: &types.HostDatastoreBrowserSearchSpec{
			MatchPattern: []string{"*"},
			Details:      &types.FileQueryFlags{FileSize: true},
		},
	})
	if err != nil {
		return nil, failure("list", where, err)
	}
	info, err := c.tasks.wait(ctx, search.Returnval, nil)
	if fault.Is(err, &types.FileNotFound{}) {
		return nil, nil
	}
	if err != nil {
		return nil, failure("list", where, err)
	}
	results, ok := info.Result.(types.HostDatastoreBrowserSearchResults)
	if !ok {
		return nil, failure("list", where, errors.New("the server's answer is not a list of files"))
	}
	return slices.DeleteFunc(results.File, func(f types.BaseFileInfo) bool {
		_, dir := f.(*types.FolderFileInfo)
		return dir
	}), nil
}
