package elsewhere_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader"
	"github.com/cloudlease/leader/lease"
	"github.com/cloudlease/leader/lease/azblob"
)

// A blobPosition is the position of a work, in a blob, with the token of the term that may move it.
type blobPosition struct {
	client *blockblob.Client
	term   lease.Term
	etag   *azcore.ETag // of what this term has read or written last; nil if there is no blob
}

type blobContent struct {
	Token    uint64
	Position int64
}

// claim reads the blob, and writes it with this term's token if it is still what was read. That makes one step of both.
func (p *blobPosition) claim(ctx context.Context) (position int64, err error) {
	for {
		now, err := p.read(ctx)
		if err != nil {
			return 0, err
		}
		if now.Token > p.term.Token() {
			return 0, fmt.Errorf("%w: a later term of %q, with token %d, has claimed the blob", lease.ErrLost, p.term.Name(), now.Token)
		}
		now.Token = p.term.Token()
		if changed, err := p.write(ctx, now); !changed {
			return now.Position, err
		}
	}
}

// save moves the position, if nobody has written since. If the blob was changed, it is claimed anew: by a later term, and
// this one is over; or by this one, whose answer was lost.
func (p *blobPosition) save(ctx context.Context, position int64) error {
	for {
		changed, err := p.write(ctx, blobContent{p.term.Token(), position})
		if !changed {
			return err
		}
		if _, err := p.claim(ctx); err != nil {
			return err
		}
	}
}

func (p *blobPosition) read(ctx context.Context) (now blobContent, err error) {
	out, err := p.client.DownloadStream(ctx, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
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

// write reports that the blob is not what it was when this term has read or written it last.
func (p *blobPosition) write(ctx context.Context, content blobContent) (changed bool, err error) {
	body, err := json.Marshal(content)
	if err != nil {
		return false, err
	}
	still := &blob.ModifiedAccessConditions{IfMatch: p.etag}
	if p.etag == nil {
		any := azcore.ETagAny
		still.IfNoneMatch = &any
	}
	out, err := p.client.UploadBuffer(ctx, body, &blockblob.UploadBufferOptions{AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: still}})
	if err != nil {
		return bloberror.HasCode(err, bloberror.ConditionNotMet, bloberror.BlobAlreadyExists), err
	}
	p.etag = out.ETag
	return false, nil
}

// The same in Azure Blob Storage: on the precondition that the blob has not changed since the term read or wrote it.
func Example_azureBlob() {
	ctx := context.Background()
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := container.NewClient("https://mycompany.blob.core.windows.net/orders", credential, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = leader.New(
		leader.WithLeaseManager(azblob.New(client)),
		leader.WithLeaseName("orders-projection"),
		leader.WhenStarted(func(ctx context.Context) error {
			term, _ := leader.TermFrom(ctx)
			p := &blobPosition{client: client.NewBlockBlobClient("positions/orders"), term: term}
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
