package sim

import (
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// properties gives what an object has, nil meaning all of it, as a property
// collector would, but shared with the object: who calls holds its lock. A
// collector's copy takes twice as long as everything else about saving.
func properties(object mo.Reference, only []string) []types.DynamicProperty {
	var found []types.DynamicProperty
	seen := map[string]bool{"self": true}
	eachField(reflect.ValueOf(managedObject(object)).Elem(), func(name string, value reflect.Value) {
		if seen[name] || only != nil && !slices.Contains(only, name) {
			return
		}
		seen[name] = true
		if property := propertyValue(value); property != nil {
			found = append(found, types.DynamicProperty{Name: name, Val: property})
		}
	})
	return found
}

// eachField goes through the properties of a managed object's type; its own come
// before those it inherits, which they hide.
func eachField(object reflect.Value, visit func(name string, value reflect.Value)) {
	kind := object.Type()
	for i := range kind.NumField() {
		if field := kind.Field(i); !field.Anonymous {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			visit(name, object.Field(i))
		}
	}
	for i := range kind.NumField() {
		if kind.Field(i).Anonymous {
			eachField(object.Field(i), visit)
		}
	}
}

// propertyValue is a value as a property has it, or nil when there is none.
func propertyValue(value reflect.Value) any {
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return nil
		}
		return value.Elem().Interface()
	case reflect.Interface:
		if value.IsNil() {
			return nil
		}
		return value.Interface()
	case reflect.String:
		if value.Len() == 0 {
			return nil
		}
		return value.Interface()
	case reflect.Slice:
		return arrayOf(value)
	default:
		return value.Interface()
	}
}

// arrayOf wraps a list in the type that lists have on the wire, ArrayOfString for
// strings; nil when there is none.
func arrayOf(list reflect.Value) any {
	element := list.Type().Elem()
	name := strings.TrimPrefix(element.Name(), "Base")
	switch element.Kind() {
	case reflect.Int32:
		name = "Int"
	case reflect.String:
		name = "String"
	}
	kind, known := types.TypeFunc()("ArrayOf" + name)
	if !known {
		return nil
	}
	array := reflect.New(kind)
	array.Elem().Field(0).Set(list.Convert(kind.Field(0).Type))
	return array.Interface()
}
