package experiment

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/cloudlease/leader/internal/host"
)

// Messages of a node's log that are the experiment's; all others are the worker's, and the library's.
const (
	messageHeld   = "held"
	messageFrozen = "frozen"
)

// heldDriver is the name of the driver whose transactions can be held.
const heldDriver = "held"

// Node runs the worker as one of the experiment's nodes. Its log goes to the standard output, in JSON. Commands come from the standard
// input; when that ends, the node stops in order.
func Node(ctx context.Context, args []string, worker func(ctx context.Context, args []string) error) error {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hold, time := &holder{}, newClocks()
	sql.Register(heldDriver, holdingDriver{hold})
	http.DefaultClient.Transport = holdingTransport{http.DefaultTransport, hold}
	go func() { // it ends with the process
		defer stop()
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			obey(in.Text(), hold, time)
		}
	}()
	return worker(host.With(ctx, time), append([]string{"-driver", heldDriver}, args...))
}

// Commands to a node.
const (
	holdCommand    = "hold " // and where
	releaseCommand = "release"
	freezeCommand  = "freeze"
	thawCommand    = "thaw"
)

func obey(command string, hold *holder, time *clocks) {
	at, isHold := strings.CutPrefix(command, holdCommand)
	switch {
	case isHold:
		hold.hold(at)
	case command == releaseCommand:
		hold.release()
	case command == freezeCommand:
		time.freeze()
		slog.Info(messageFrozen)
	case command == thawCommand:
		time.thaw()
	default:
		slog.Warn(fmt.Sprintf("unknown command %q", command))
	}
}
