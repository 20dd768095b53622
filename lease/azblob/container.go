package azblob

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/cloudlease/leader/lease"
)

// MakePlace implements lease.PlaceMaker. The container is not public, and has its account's location.
func (m *manager) MakePlace(ctx context.Context, location string) (made bool, err error) {
	if err := m.begin(ctx); err != nil {
		return false, err
	}
	if location != "" {
		return false, fmt.Errorf("%w: a container is where its account is: name no other location", lease.ErrInvalid)
	}
	switch err := m.createContainer(ctx); {
	case err == nil:
		return true, nil
	case bloberror.HasCode(err, bloberror.ContainerAlreadyExists):
		return false, nil
	default:
		return false, classify(ctx, err)
	}
}

func (m *manager) createContainer(ctx context.Context) error {
	return m.ask(ctx, has(headerETag, headerModified), func(ctx context.Context) error {
		_, err := m.container.Create(ctx, nil)
		return err
	})
}
