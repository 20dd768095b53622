package peer

import "fmt"

// Where the peers keep their leases: a table, a bucket or a container. Package service makes them.
const (
	Place           = "leader-bench"
	DynamolockTable = "leader-bench-dynamolock" // its key has another name
)

// All returns the peers, this library's own first.
func All() []Peer {
	return []Peer{
		onDynamoDB, onS3, onGCS, onAzure, onFile,
		clientGo, etcd, redsyncPeer, postgres, dynamolockPeer,
	}
}

// Find returns the peer with the key.
func Find(key string) (Peer, error) {
	known := ""
	for _, p := range All() {
		if p.Key == key {
			return p, nil
		}
		known += " " + p.Key
	}
	return Peer{}, fmt.Errorf("there is no peer %q: there are%s", key, known)
}
