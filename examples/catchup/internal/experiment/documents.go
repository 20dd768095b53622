package experiment

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
)

// documents are the search index: a document for each event, by its position.
type documents struct {
	mu       sync.Mutex
	all      map[int64]string
	repeated int // documents that were put again
	changed  []error
}

func (d *documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	position, err := strconv.ParseInt(r.PathValue("position"), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if before, again := d.all[position]; again {
		d.repeated++
		if before != string(text) {
			d.changed = append(d.changed, fmt.Errorf("document %d was %s, and is %s", position, before, text))
		}
	}
	d.all[position] = string(text)
}

// look returns all documents, how many were put again, and those that had changed then.
func (d *documents) look() (all map[int64]string, repeated int, changed error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.all), d.repeated, errors.Join(d.changed...)
}

// last returns the highest position.
func (d *documents) last() (position int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.all {
		position = max(position, p)
	}
	return position
}
