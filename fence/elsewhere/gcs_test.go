package elsewhere_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/gcs"
)

// A gcsPosition is the position of a work, in an object of a bucket, with the token of the term that may move it.
type gcsPosition struct {
	object     *storage.ObjectHandle
	term       lease.Term
	generation int64 // of what this term has read or written last; 0 if there is no object
}

type gcsContent struct {
	Token    uint64
	Position int64
}

// claim reads the object, and writes it with this term's token if it is still what was read. That makes one step of both.
func (p *gcsPosition) claim(ctx context.Context) (position int64, err error) {
	for {
		now, err := p.read(ctx)
		if err != nil {
			return 0, err
		}
		if now.Token > p.term.Token() {
			return 0, fmt.Errorf("%w: a later term of %q, with token %d, has claimed %s", lease.ErrLost, p.term.Name(), now.Token, p.object.ObjectName())
		}
		now.Token = p.term.Token()
		if changed, err := p.write(ctx, now); !changed {
			return now.Position, err
		}
	}
}

// save moves the position, if nobody has written since. If the object was changed, it is claimed anew: by a later term, and
// this one is over; or by this one, whose answer was lost.
func (p *gcsPosition) save(ctx context.Context, position int64) error {
	for {
		changed, err := p.write(ctx, gcsContent{p.term.Token(), position})
		if !changed {
			return err
		}
		if _, err := p.claim(ctx); err != nil {
			return err
		}
	}
}

func (p *gcsPosition) read(ctx context.Context) (now gcsContent, err error) {
	r, err := p.object.NewReader(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		p.generation = 0
		return now, nil
	}
	if err != nil {
		return now, err
	}
	defer r.Close()
	p.generation = r.Attrs.Generation
	return now, json.NewDecoder(r).Decode(&now)
}

// write reports that the object is not what it was when this term has read or written it last.
func (p *gcsPosition) write(ctx context.Context, content gcsContent) (changed bool, err error) {
	w := p.object.If(storage.Conditions{GenerationMatch: p.generation, DoesNotExist: p.generation == 0}).NewWriter(ctx)
	if err := errors.Join(json.NewEncoder(w).Encode(content), w.Close()); err != nil {
		e, ok := errors.AsType[*googleapi.Error](err)
		return ok && e.Code == http.StatusPreconditionFailed, err
	}
	p.generation = w.Attrs().Generation
	return false, nil
}

// The same in Cloud Storage: on the precondition that the object has not changed since the term read or wrote it.
func Example_cloudStorage() {
	ctx := context.Background()
	client, err := gcs.NewClient(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = leader.New(
		leader.WithLeaseManager(gcs.New(client, "my-bucket", gcs.WithPrefix("leases/"))),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			p := &gcsPosition{object: client.Bucket("my-bucket").Object("positions/orders"), term: term}
			position, err := p.claim(ctx)
			for err == nil {
				position++ // and the effect, which may be done again after a crash: make it harmless
				err = p.save(ctx, position)
			}
			return err
		}),
	).Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
}
