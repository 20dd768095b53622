package service

import (
	"context"
	"time"
)

// Pause waits while services are left in peace. It returns the cause of ctx if that ends first.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
