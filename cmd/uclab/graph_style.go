package main

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/uclab/uclab/templates"
)

// theme is the palette: the value of each CSS variable, by its name.
type theme map[string]string

// readTheme reads a list of CSS variables, one a line: "--ink: #1c2128;".
func readTheme(name string) (theme, error) {
	text, err := graphFile(name)
	if err != nil {
		return nil, err
	}
	t := theme{}
	for line := range strings.Lines(text) {
		if variable, value, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), ";"), ":"); ok {
			t[variable] = strings.TrimSpace(value)
		}
	}
	return t, nil
}

// resolve puts the theme's values in the place of the variables.
func (t theme) resolve(css string) string {
	pairs := make([]string, 0, 2*len(t))
	for variable, value := range t {
		pairs = append(pairs, "var("+variable+")", value)
	}
	return strings.NewReplacer(pairs...).Replace(css)
}

// drawingStyle is the style of an SVG file of its own: light, and dark where
// the reader prefers it. Variables are resolved because programs other than
// browsers that draw SVG do not know them.
func drawingStyle() (string, error) {
	css, err := graphFile("drawing.css")
	if err != nil {
		return "", err
	}
	light, err := readTheme("light.css")
	if err != nil {
		return "", err
	}
	dark, err := readTheme("dark.css")
	if err != nil {
		return "", err
	}
	return light.resolve(css) + "@media (prefers-color-scheme: dark) {\n" + dark.resolve(css) + "}\n", nil
}

// graphFile is one of the files that ship inside the binary.
func graphFile(name string) (string, error) {
	text, err := fs.ReadFile(templates.Graph(), name)
	if err != nil {
		return "", fmt.Errorf("read the built-in %s: %w", name, err)
	}
	return string(text), nil
}
