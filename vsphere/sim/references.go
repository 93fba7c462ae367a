package sim

import (
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// kinds are the types that a parameter of a name may refer to. The simulator
// dies of others.
var kinds = map[string][]string{
	"Pool":         {"ResourcePool", "VirtualApp"},
	"ResourcePool": {"ResourcePool", "VirtualApp"},
	"Host":         {"HostSystem"},
	"Folder":       {"Folder"},
	"Datastore":    {"Datastore"},
	"Datacenter":   {"Datacenter"},
	"Snapshot":     {"VirtualMachineSnapshot"},
	"Vm":           {"VirtualMachine"},
}

// paths are the parameters that hold a path on a datastore, "[name] directory/file".
var paths = []string{
	"FileName", "VmPathName", "SnapshotDirectory", "SuspendDirectory", "LogDirectory", "FtMetadataDirectory",
	"Name", "SourceName", "DestName", "DestinationName", "Path",
}

// references gives all that the parameters of a call refer to, and checks it:
// objects must be there and be of a type that fits, and paths must stay inside
// their datastore, which is a directory on the user's disk.
func references(ctx *simulator.Context, method *simulator.Method) ([]types.ManagedObjectReference, types.BaseMethodFault) {
	var found []types.ManagedObjectReference
	check := func(name string, ref types.ManagedObjectReference) types.BaseMethodFault {
		found = append(found, ref)
		return referenced(ctx, name, ref)
	}
	switch body := method.Body.(type) {
	case *types.ReconfigureComputeResource_Task:
		// A rule may go on naming a VM that is gone.
		return []types.ManagedObjectReference{body.This}, nil
	case *types.DeleteDatastoreFile_Task:
		if isRoot(body.Name) {
			return nil, &types.InvalidDatastorePath{DatastorePath: body.Name}
		}
	case *types.MoveDatastoreFile_Task:
		if isRoot(body.SourceName) {
			return nil, &types.InvalidDatastorePath{DatastorePath: body.SourceName}
		}
	}
	fault := walk("", reflect.ValueOf(method.Body), check)
	return found, fault
}

// isRoot says that a path is that of a whole datastore.
func isRoot(name string) bool {
	_, inside, found := strings.Cut(name, "]")
	return found && path.Clean("/"+strings.TrimSpace(inside)) == "/"
}

// walk goes through a parameter of a name, and all inside it.
func walk(name string, value reflect.Value, check func(string, types.ManagedObjectReference) types.BaseMethodFault) types.BaseMethodFault {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !value.IsNil() {
			return walk(name, value.Elem(), check)
		}
	case reflect.Slice:
		for i := range value.Len() {
			if fault := walk(name, value.Index(i), check); fault != nil {
				return fault
			}
		}
	case reflect.Struct:
		if ref, ok := value.Interface().(types.ManagedObjectReference); ok {
			return check(name, ref)
		}
		for i := range value.NumField() {
			field := value.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			if fault := walk(field.Name, value.Field(i), check); fault != nil {
				return fault
			}
		}
	case reflect.String:
		if slices.Contains(paths, name) && leavesDatastore(value.String()) {
			return &types.InvalidDatastorePath{DatastorePath: value.String()}
		}
	}
	return nil
}

func leavesDatastore(name string) bool {
	if !strings.HasPrefix(name, "[") {
		return false
	}
	_, inside, _ := strings.Cut(name, "]")
	return slices.Contains(strings.FieldsFunc(inside, func(r rune) bool { return r == '/' || r == '\\' || r == ' ' }), "..")
}

func referenced(ctx *simulator.Context, name string, ref types.ManagedObjectReference) types.BaseMethodFault {
	fits, known := kinds[name]
	if !known {
		return nil
	}
	if !slices.Contains(fits, ref.Type) {
		return &types.InvalidArgument{InvalidProperty: strings.ToLower(name[:1]) + name[1:]}
	}
	return there(ctx, &ref)
}
