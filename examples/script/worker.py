#!/usr/bin/env python3
"""Writes an effect to a database ten times a second, while its node leads: leader run -- worker.py DATABASE

Exit status 0: asked to stop. 3: the checkpoint is not this term's: another node leads.
"""

import os
import signal
import sqlite3
import sys
import threading

STALE = 3


class Stale(Exception):
    pass


def claim(db, token):
    """Makes the checkpoint this term's, and only then reads it: from the claim on, no older term's write is accepted."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE checkpoint SET token = :t WHERE token < :t", {"t": token})
    row = db.execute("SELECT position FROM checkpoint WHERE token = :t", {"t": token}).fetchone()
    if row is None:
        raise Stale(refusal(db, token))
    return row[0]


def write(db, token, position, what):
    """Writes one effect and moves the checkpoint, in one transaction, unless the checkpoint is another term's."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        if db.execute("UPDATE checkpoint SET position = :p WHERE token = :t", {"p": position, "t": token}).rowcount == 0:
            raise Stale(refusal(db, token))
        db.execute("INSERT INTO effects (position, token, what) VALUES (?, ?, ?)", (position, token, what))


def refusal(db, token):
    """Says why the checkpoint is not this term's. A row that is missing is not a newer term."""
    row = db.execute("SELECT token FROM checkpoint").fetchone()
    if row is None:
        return "the checkpoint is missing"
    return f"token {token} is stale: another node leads, with token {row[0]}"


def main(path):
    token, node = int(os.environ["LEADER_TOKEN"]), os.environ["LEADER_HOLDER"]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE IF NOT EXISTS effects (position INTEGER NOT NULL, token INTEGER NOT NULL, what TEXT NOT NULL)")
        db.execute("CREATE TABLE IF NOT EXISTS checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL, position INTEGER NOT NULL)")
        db.execute("INSERT OR IGNORE INTO checkpoint VALUES (1, 0, 0)")
    try:
        position = claim(db, token)
        while not stop.wait(0.1):
            position += 1
            write(db, token, position, f"from {node}")
    except Stale as stale:
        print(f"worker: {stale}", file=sys.stderr)
        return STALE
    finally:
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
