// Package fence keeps a term that is over from writing to a SQL database: PostgreSQL, MySQL, MariaDB or SQLite.
//
// No lease stops a process that sleeps between [lease.Term.Check] and its commit: when it wakes, another node leads. The
// database can refuse it, because each term has a fencing token, greater than those of all terms before it.
//
//  1. When its term begins, a work calls [Claim], which writes the token.
//  2. Only then it reads the position from which it goes on, in a transaction begun after Claim returned.
//  3. Each transaction that has an effect calls [Check], and keeps the effect and the new position.
//
// The order matters. A check on writing alone lets a late transaction of the old term in between the new term's read and
// its first write, and an event is applied twice. From the claim on, the database refuses the old term, so the position
// stays as it was read.
//
// The tokens are in a table, which [Schema] makes, with a row for each lease name. Whatever is written under one lease name
// to one database has one row; a work that writes to two databases claims in both.
//
// # Transactions
//
// Check reads the row under a lock that the transaction holds until it ends. A Claim waits for that, so what an old term
// commits is either there before the new term reads, or refused. A process that is suspended inside a transaction keeps
// its lock, and Claim waits for it: set idle_in_transaction_session_timeout (PostgreSQL), innodb_lock_wait_timeout and
// wait_timeout (MySQL), or a context with a deadline.
//
// Every isolation level will do but READ UNCOMMITTED, in which a new term may go on from a position that an old one has
// written and never commits. In the stricter ones a database may refuse a transaction because of a concurrent one, as
// it may for a deadlock. [Repeatable] recognises these errors: roll back, and repeat the whole transaction, Check included.
//
//   - PostgreSQL: SELECT ... FOR SHARE. Under REPEATABLE READ and SERIALIZABLE, a claim that was committed since the
//     transaction's snapshot is 40001, serialization_failure. Repeated, the transaction of the old term is refused.
//   - MySQL, MariaDB: SELECT ... LOCK IN SHARE MODE, which reads the latest commit, not the snapshot. The table has to be
//     InnoDB's. MariaDB answers 1020 where innodb_snapshot_isolation is on, as it is by default since 11.6.2.
//   - SQLite: UPDATE ... SET token = token, which takes the write lock. Call Check before the transaction reads anything:
//     a transaction that reads first, and writes after another one has, is SQLITE_BUSY_SNAPSHOT. Set a busy_timeout.
//
// The lock is one server's. Where several servers of a cluster take writes (Galera, multi-primary group replication), have all
// terms claim, check and write on the same one. A failover to a replica that has not got the latest commits loses a claim, too:
// the term that made it is refused then, and the next one claims.
//
// The database is asked which of these it is, in the transaction, by a statement that touches no table. So nobody has to
// say it, and it holds for a driver of any name, and in any wrapping. Check takes two short statements, in SQLite three.
package fence
