package experiment

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"

	"github.com/cloudlease/leader/examples/catchup/search"
)

// documents are the search index: a document for each event, by its position. It refuses tokens that are smaller than the greatest
// that it has seen of a lease.
type documents struct {
	mu       sync.Mutex
	all      map[int64]string
	puts     map[string][]put // of each lease, in the order in which they came
	refused  int
	repeated int // documents that were put again
	changed  []error
}

// A put is a request that was not refused.
type put struct {
	position int64
	token    uint64
}

func newDocuments() *documents {
	return &documents{all: map[int64]string{}, puts: map[string][]put{}}
}

func (d *documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	position, err := strconv.ParseInt(r.PathValue("position"), 10, 64)
	token, errToken := strconv.ParseUint(r.Header.Get(search.TokenHeader), 10, 64)
	text, errBody := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err := errors.Join(err, errToken, errBody); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !d.put(r.Header.Get(search.LeaseHeader), put{position, token}, string(text)) {
		http.Error(w, "a later term has put documents", http.StatusConflict)
	}
}

func (d *documents) put(lease string, p put, text string) (accepted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.token < newest(d.puts[lease]) {
		d.refused++
		return false
	}
	d.puts[lease] = append(d.puts[lease], p)
	if before, again := d.all[p.position]; again {
		d.repeated++
		if before != text {
			d.changed = append(d.changed, fmt.Errorf("document %d was %s, and is %s", p.position, before, text))
		}
	}
	d.all[p.position] = text
	return true
}

// newest returns the token of the latest put.
func newest(puts []put) uint64 {
	if len(puts) == 0 {
		return 0
	}
	return puts[len(puts)-1].token
}

// under returns the token under which the latest document was put, of a lease.
func (d *documents) under(lease string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return newest(d.puts[lease])
}

// look returns all documents, and the puts of each lease.
func (d *documents) look() (all map[int64]string, puts map[string][]put) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.all), maps.Clone(d.puts)
}

// counts returns how many puts were refused, how many documents were put again, and those that had changed then.
func (d *documents) counts() (refused, repeated int, changed error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused, d.repeated, errors.Join(d.changed...)
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

// count returns how many documents there are.
func (d *documents) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}
