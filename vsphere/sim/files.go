package sim

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// filePath takes "[datastore] path" apart. A path that leaves the datastore's
// directory is none.
func filePath(text string) (datastore, path string, ok bool) {
	datastore, path, ok = strings.Cut(strings.TrimPrefix(text, "["), "]")
	path = filepath.FromSlash(strings.TrimSpace(path))
	return datastore, path, ok && strings.HasPrefix(text, "[") && (path == "" || filepath.IsLocal(path))
}

// datastoreOf finds the datastore that a path "[name] …" names.
func datastoreOf(ctx *simulator.Context, path string) *simulator.Datastore {
	name, _, ok := filePath(path)
	if !ok {
		return nil
	}
	for _, entity := range ctx.Map.All("Datastore") {
		if datastore, ok := entity.(*simulator.Datastore); ok && datastore.Name == name {
			return datastore
		}
	}
	return nil
}

// fileThere makes sure that a file of a datastore is there.
func fileThere(ctx *simulator.Context, path string) types.BaseMethodFault {
	datastore := datastoreOf(ctx, path)
	if datastore == nil {
		return &types.InvalidDatastorePath{DatastorePath: path}
	}
	_, name, _ := filePath(path)
	if info, err := os.Stat(filepath.Join(datastore.Info.GetDatastoreInfo().Url, name)); err != nil || info.IsDir() {
		return &types.FileNotFound{FileFault: types.FileFault{File: path}}
	}
	return nil
}
