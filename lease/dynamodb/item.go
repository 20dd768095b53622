package dynamodb

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/cloudlease/leader/lease"
)

// snapshot returns the cell in an item, from an answer with this Date.
func (s *Store) snapshot(key string, found item, date time.Time) (lease.Snapshot, error) {
	version, _ := textOf(found[versionAttribute])
	data, isText := textOf(found[dataAttribute])
	if version == "" || !isText {
		return lease.Snapshot{}, fmt.Errorf("%w: the item %q has no text in its attributes %q and %q: "+
			"it is not this library's, so repair it, delete it, or use another prefix",
			lease.ErrRecord, key, dataAttribute, versionAttribute)
	}
	snapshot := lease.Snapshot{Data: []byte(data), Version: lease.Version(version)}
	if s.age {
		written, _ := textOf(found[writtenAttribute])
		snapshot.Age = age(date, written, snapshot.Data)
	}
	return snapshot, nil
}

// An item is an item of a table, or a part of one.
type item = map[string]types.AttributeValue

func text(s string) *types.AttributeValueMemberS { return &types.AttributeValueMemberS{Value: s} }

func textOf(v types.AttributeValue) (s string, isText bool) {
	if t, ok := v.(*types.AttributeValueMemberS); ok {
		return t.Value, true
	}
	return "", false
}
