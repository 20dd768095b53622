package azblob

import (
	"context"
	"iter"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/cloudlease/leader/lease"
)

// Inspect takes one look.
func (m *manager) Inspect(ctx context.Context, name string) (lease.Info, error) {
	err := lease.CheckName(name)
	if err == nil {
		err = m.begin(ctx)
	}
	var seen sight
	if err == nil {
		seen, err = m.look(ctx, name)
	}
	if err != nil {
		return lease.Info{}, m.explain("inspect", name, err)
	}
	return m.info(name, seen), nil
}

// List sends one List Blobs for each page: by the service's default, 5,000 blobs. It skips directories and blobs that
// are not named after a lease. It makes no container: if one is missing that an acquisition would make, there are no
// leases.
func (m *manager) List(ctx context.Context, prefix string) iter.Seq2[lease.Info, error] {
	return func(yield func(lease.Info, error) bool) {
		for item, err := range m.blobs(ctx, prefix, container.ListBlobsInclude{Metadata: true}) {
			if err != nil {
				yield(lease.Info{}, lease.Explain(m.String(), "list leases", prefix, err))
				return
			}
			name, ok := m.leaseName(*item.Name)
			if ok && !isDirectory(item.Metadata) && !yield(m.listed(name, item), nil) {
				return
			}
		}
	}
}

// blobs lists the blobs of leases and of cells whose names begin with the prefix, and others.
func (m *manager) blobs(ctx context.Context, prefix string, include container.ListBlobsInclude) iter.Seq2[*container.BlobItem, error] {
	return func(yield func(*container.BlobItem, error) bool) {
		err := m.begin(ctx)
		from := m.blobName(prefix)
		opts := &container.ListBlobsFlatOptions{Prefix: &from, Include: include}
		if m.page > 0 {
			opts.MaxResults = &m.page
		}
		marker := ""
		for pages := m.container.NewListBlobsFlatPager(opts); err == nil && pages.More(); {
			var page container.ListBlobsFlatResponse
			if page, err = m.nextPage(ctx, pages, marker); err != nil {
				break
			}
			if page.NextMarker != nil {
				marker = *page.NextMarker
			}
			for _, item := range page.Segment.BlobItems {
				if !yield(item, nil) {
					return
				}
			}
		}
		if err != nil && !(m.create && bloberror.HasCode(err, bloberror.ContainerNotFound)) {
			yield(nil, classify(ctx, err))
		}
	}
}

// nextPage sends one request, for the page at the marker. An answer of status 200 that is no list of this container's blobs is an
// error, and so is one that names itself as the next page.
func (m *manager) nextPage(
	ctx context.Context, pages *runtime.Pager[container.ListBlobsFlatResponse], marker string,
) (page container.ListBlobsFlatResponse, err error) {
	err = m.ask(ctx, has(), func(ctx context.Context) (err error) {
		page, err = pages.NextPage(ctx)
		return err
	})
	switch {
	case err != nil:
		return page, err
	case page.Segment == nil || page.ContainerName == nil || *page.ContainerName != m.name:
		return page, stray(http.StatusOK, "it is no list of this container's blobs")
	}
	if next := page.NextMarker; next != nil && *next != "" && *next == marker {
		return page, stray(http.StatusOK, "it says that the list goes on where it has just begun")
	}
	for _, item := range page.Segment.BlobItems {
		if item == nil || item.Name == nil || item.Properties == nil {
			return page, stray(http.StatusOK, "it lists a blob without a name or properties")
		}
	}
	return page, nil
}

// isDirectory reports whether a blob is a directory of a hierarchical namespace, which the Blob service shows as an
// empty blob. https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-known-issues describes hdi_isfolder.
func isDirectory(all metadata) bool {
	for key, value := range all {
		if strings.EqualFold(key, "hdi_isfolder") && value != nil && strings.EqualFold(*value, "true") {
			return true
		}
	}
	return false
}

func (m *manager) listed(name string, item *container.BlobItem) lease.Info {
	seen, err := m.read(name, item.Metadata, item.Properties.ETag, item.Properties.LeaseState)
	if err != nil {
		return lease.Info{Name: name, Err: m.explain("list", name, err)}
	}
	return m.info(name, seen)
}
