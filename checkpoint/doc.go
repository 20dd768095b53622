// Package checkpoint keeps the position of a worker beside its lease, in the same store, fenced by the lease's token: a worker whose
// term is over cannot move it.
//
// A work opens its checkpoint, goes on from it, and saves how far it has come:
//
//	func project(ctx context.Context) error { // a leader's work
//		cp, err := checkpoint.Open[int64](ctx, manager, "orders-projection")
//		if err != nil {
//			return err
//		}
//		for event := range events(ctx, cp.Value()) {
//			if err := apply(event); err != nil { // may be done twice: see below
//				return err
//			}
//			if err := cp.Note(event.Position); err != nil {
//				return err
//			}
//		}
//		return ctx.Err()
//	}
//
// Save writes at once. Note keeps the newest value in memory, and writes it every ten seconds, and at the end of the term.
//
// # At least once
//
// What the work does and where its checkpoint is are in two places, and a crash may come between the two writes. So the next term
// does again what came after the last save: let it do no harm, by writing each effect under the event's own key, say. If the effects
// are in a SQL database, keep the position there instead, in the same transaction, and each event is applied exactly once.
//
// # What is promised
//
//   - K1: Open claims the checkpoint with the term's token before it hands the value out. From then on nobody with an older token can
//     move it, nor anybody who opened it before. So the value handed out is the last one.
//   - K2: token, writer and count only go forward. A write is made on the condition that the cell is as this writer left it, and only
//     while the term holds.
//
// A checkpoint is a cell of the store, named "checkpoints/" and its name, with JSON that people can read. [lease.List] passes over it.
package checkpoint
