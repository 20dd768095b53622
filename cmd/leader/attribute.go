package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// attributes is a flag that may be repeated, each time with one key=value. Everything after the first equals sign is the value: commas, equals signs
// and quotes are part of it.
type attributes map[string]string

func (a *attributes) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("%q is not key=value", text)
	}
	if *a == nil {
		*a = attributes{}
	}
	if _, twice := (*a)[key]; twice {
		return fmt.Errorf("the key %q is given twice", key)
	}
	(*a)[key] = value
	return nil
}

func (a *attributes) String() string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(*a)) {
		all = append(all, key+"="+(*a)[key])
	}
	return strings.Join(all, " ")
}

func (a *attributes) Type() string { return "key=value" }
