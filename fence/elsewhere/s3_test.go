package elsewhere_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	leases3 "github.com/cloudlease/leader/lease/s3"
)

// An objectPosition is the position of a work, in an object of a bucket, with the token of the term that may move it.
type objectPosition struct {
	client      *s3.Client
	bucket, key string
	term        lease.Term
	etag        *string // of what this term has read or written last; nil if there is no object
}

type objectContent struct {
	Token    uint64
	Position int64
}

// claim reads the object, and writes it with this term's token if it is still what was read. That makes one step of both.
func (p *objectPosition) claim(ctx context.Context) (position int64, err error) {
	for {
		now, err := p.read(ctx)
		if err != nil {
			return 0, err
		}
		if now.Token > p.term.Token() {
			return 0, fmt.Errorf("%w: a later term of %q, with token %d, has claimed %s", lease.ErrLost, p.term.Name(), now.Token, p.key)
		}
		now.Token = p.term.Token()
		if changed, err := p.write(ctx, now); !changed {
			return now.Position, err
		}
	}
}

// save moves the position, if nobody has written since. If the object was changed, it is claimed anew: by a later term, and
// this one is over; or by this one, whose answer was lost.
func (p *objectPosition) save(ctx context.Context, position int64) error {
	for {
		changed, err := p.write(ctx, objectContent{p.term.Token(), position})
		if !changed {
			return err
		}
		if _, err := p.claim(ctx); err != nil {
			return err
		}
	}
}

func (p *objectPosition) read(ctx context.Context) (now objectContent, err error) {
	out, err := p.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.bucket, Key: &p.key})
	if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
		p.etag = nil
		return now, nil
	}
	if err != nil {
		return now, err
	}
	defer out.Body.Close()
	p.etag = out.ETag
	return now, json.NewDecoder(out.Body).Decode(&now)
}

// write reports that the object is not what it was when this term has read or written it last.
func (p *objectPosition) write(ctx context.Context, content objectContent) (changed bool, err error) {
	body, err := json.Marshal(content)
	if err != nil {
		return false, err
	}
	in := &s3.PutObjectInput{Bucket: &p.bucket, Key: &p.key, Body: bytes.NewReader(body), IfMatch: p.etag}
	if p.etag == nil {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := p.client.PutObject(ctx, in)
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status := e.HTTPStatusCode()
		return status == http.StatusPreconditionFailed || status == http.StatusConflict, err
	}
	if err == nil {
		p.etag = out.ETag
	}
	return false, err
}

// The same in S3: on the precondition that the object has not changed since the term read or wrote it.
func Example_s3() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := s3.NewFromConfig(cfg)
	err = leader.New(
		leader.WithLeaseManager(leases3.New(client, "my-bucket", leases3.WithPrefix("leases/"))),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			p := &objectPosition{client: client, bucket: "my-bucket", key: "positions/orders", term: term}
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
