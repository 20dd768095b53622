// Package search is a projection whose read model is elsewhere, in a search index: it puts a document for each event. Its position is in
// a checkpoint, beside the lease. So events may be applied again after a crash, and a document is put under its event's position: the
// second time changes nothing.
//
// Each request carries the name of the lease and its fencing token, so that an index can refuse those of an older term. The work is the
// same for a leader, which follows all events, and in a fleet, where a term is a partition's.
package search

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudlease/leader/checkpoint"
	"github.com/cloudlease/leader/examples/catchup/events"
	"github.com/cloudlease/leader/lease"
)

// An Index follows a log.
type Index struct {
	Manager    lease.Manager     // of the lease: the checkpoint is in its store
	Checkpoint string            // its name
	Every      time.Duration     // how often the checkpoint is written, at most: a crash repeats as much
	URL        string            // of the search index: a document is PUT to URL/position
	Log        func() events.Log // makes a reader, which is the term's
}

// The headers of a request that puts a document.
const (
	LeaseHeader = "Lease"
	TokenHeader = "Fencing-Token"
)

// Run is the work of a leader, or of a part of a fleet.
func (x Index) Run(ctx context.Context) error {
	cp, err := checkpoint.Open[int64](ctx, x.Manager, x.Checkpoint, checkpoint.Every(x.Every))
	if err != nil {
		return err
	}
	term, _ := lease.TermFrom(ctx)
	slog.Info("the index goes on", "lease", term.Name(), "token", term.Token(), "position", cp.Value())
	for log := x.Log(); ; {
		batch, err := events.Next(ctx, log, cp.Value())
		if err != nil {
			return err
		}
		for _, e := range batch {
			if err := term.Check(); err != nil { // right before the effect
				return err
			}
			if err := x.put(ctx, term, e); err != nil {
				return err
			}
			if err := cp.Note(e.Position); err != nil { // written every now and then, and when the term ends
				return err
			}
		}
	}
}

// put puts an event's document under its position.
func (x Index) put(ctx context.Context, term lease.Term, e events.Event) error {
	document, err := json.Marshal(e)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, x.URL+"/"+strconv.FormatInt(e.Position, 10), bytes.NewReader(document))
	if err != nil {
		return err
	}
	request.Header.Set(LeaseHeader, term.Name())
	request.Header.Set(TokenHeader, strconv.FormatUint(term.Token(), 10))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("put the document of event %d: %s", e.Position, answer.Status)
	}
	return nil
}
