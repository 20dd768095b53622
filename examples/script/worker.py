#!/usr/bin/env python3
"""Writes an effect to a database ten times a second, while its node leads: leader run -- worker.py DATABASE

Exit status 0: asked to stop. 3: the token is stale, another node leads.
"""

import os
import signal
import sqlite3
import sys
import threading

STALE = 3


class Stale(Exception):
    pass


def write(db, token, what):
    """Writes one effect, unless a larger token has been here. Check and effect are one transaction."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        if db.execute("UPDATE fence SET token = :t WHERE token <= :t", {"t": token}).rowcount == 0:
            raise Stale(f"token {token} is stale: another node leads")
        db.execute("INSERT INTO effects (token, what) VALUES (?, ?)", (token, what))


def main(path):
    token, node = int(os.environ["LEADER_TOKEN"]), os.environ["LEADER_NODE"]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE IF NOT EXISTS effects (id INTEGER PRIMARY KEY, token INTEGER NOT NULL, what TEXT NOT NULL)")
        db.execute("CREATE TABLE IF NOT EXISTS fence (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL)")
        db.execute("INSERT OR IGNORE INTO fence VALUES (1, 0)")
    try:
        while not stop.wait(0.1):
            write(db, token, f"from {node}")
    except Stale as stale:
        print(f"worker: {stale}", file=sys.stderr)
        return STALE
    finally:
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
