package patches

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// KitFile is a file of a kit's disc.
type KitFile struct {
	Name string // ISO 9660 level 1
	Data []byte
}

// KitFiles gives the files of a kit patch, for the given params.
func (p *Patch) KitFiles(params map[string]string) ([]KitFile, error) {
	context, err := p.values(params)
	if err != nil {
		return nil, err
	}
	r := &resolver{context: context}
	var files []KitFile
	for _, block := range p.kits {
		data := []byte(dosLines(r.text(block.Content)))
		for _, b := range block.SetRegistry {
			e := setRegistry{key: r.text(b.Key), name: r.text(b.Name), value: r.text(b.Value)}
			if r.err != nil {
				return nil, r.err
			}
			if err := e.check(); err != nil {
				return nil, fmt.Errorf("kit file %s: %w", block.Name, err)
			}
			result := e.apply(data)
			if result.verdict != needed {
				return nil, fmt.Errorf("kit file %s: %s", block.Name, result.reason)
			}
			data = result.content
		}
		files = append(files, KitFile{Name: block.Name, Data: data})
	}
	return files, r.err
}

// dosLines gives every line the ending that Windows programs of 2009 want.
func dosLines(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
