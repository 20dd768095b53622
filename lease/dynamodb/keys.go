package dynamodb

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// keys has the names of the table's key attributes, and the value of the sort key, if there is one.
type keys struct {
	partition   string
	sort, value string // sort is empty if there is no sort key
}

// item returns the key attributes of the item whose partition key is key.
func (k keys) item(key string) item {
	i := item{k.partition: text(key)}
	if k.sort != "" {
		i[k.sort] = text(k.value)
	}
	return i
}

// match reports whether an item has this key.
func (k keys) match(found item, key string) bool {
	for name, want := range k.item(key) {
		is, isText := textOf(found[name])
		if wanted, _ := textOf(want); !isText || is != wanted {
			return false
		}
	}
	return true
}

// wrong says why the keys cannot be used, and what to do; empty: they can.
func (k keys) wrong() (why, advice string) {
	ours := []string{dataAttribute, versionAttribute, writtenAttribute}
	switch {
	case slices.Contains(ours, k.partition) || slices.Contains(ours, k.sort):
		return "its key cannot be an attribute data, version or written, which are the lease's own", "use a table with another key"
	case k.partition == "" || k.partition == k.sort:
		return "its partition key and its sort key cannot be one attribute", "name the two that the table has"
	case k.sort == "" && k.value != "":
		return "there is a value for a sort key, and no name of one", "name it"
	case k.sort != "" && (k.value == "" || len(k.value) > maxSortKey || !utf8.ValidString(k.value)): // the SDK would send another value
		return fmt.Sprintf("a sort key has a value of 1 to %d bytes of UTF-8", maxSortKey), "give it one"
	case !utf8.ValidString(k.partition) || !utf8.ValidString(k.sort):
		return "the name of a key is not UTF-8", "name the keys that the table has"
	}
	return "", ""
}
