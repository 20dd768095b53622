package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"

	"github.com/cloudlease/leader/lease"
)

// Watch implements lease.Watcher, by the file events of the system (inotify, kqueue, ReadDirectoryChangesW). While nobody watches,
// the store has no watcher, and all who watch share one: use one Store for many leases, because systems limit the number of watchers
// (fs.inotify.max_user_instances). A directory that is missing, or is removed and made again, is waited for. On a network file
// system, the system tells nothing of other machines' changes.
//
// On macOS and the BSDs, each file in a watched directory takes a file descriptor.
func (s *Store) Watch(ctx context.Context, name string) (<-chan struct{}, error) {
	p, err := s.place(ctx, name)
	if err != nil {
		return nil, err
	}
	hints, err := s.watches.add(ctx, s, name, p)
	if err != nil {
		return nil, s.classify(ctx, fmt.Errorf("the system's file events: %w", err))
	}
	context.AfterFunc(ctx, func() { s.watches.remove(p, hints) })
	return hints, nil
}

// watches are the cells of a store that somebody watches. They have a watcher, and goroutines, only while there are some.
type watches struct {
	mu     sync.Mutex
	system *fsnotify.Watcher
	cells  map[string]*watched // by the path of the cell's file
}

// A watched is a cell that somebody watches.
type watched struct {
	name  string
	place place
	last  lease.Snapshot // as it was last read; zero also if that failed
	at    string         // the directory that is watched: the cell's, or the nearest above it that exists
	hints map[chan struct{}]bool
}

func (w *watches) add(ctx context.Context, s *Store, name string, p place) (chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.system == nil {
		system, err := fsnotify.NewWatcher()
		if err != nil {
			return nil, err
		}
		w.system, w.cells = system, map[string]*watched{}
		news := &news{ready: make(chan struct{}, 1)}
		go news.collect(system)
		go w.heed(s, system, news)
	}
	c := w.cells[p.cell()]
	if c == nil {
		c = &watched{name: name, place: p, hints: map[chan struct{}]bool{}}
		if err := w.arm(c); err != nil {
			w.tidy()
			return nil, err
		}
		c.last, _ = s.glance(ctx, name) // after arm: a change from now on is news
		w.cells[p.cell()] = c
	}
	hints := make(chan struct{}, 1)
	c.hints[hints] = true
	return hints, nil
}

func (w *watches) remove(p place, hints chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.cells[p.cell()]
	if c == nil || !c.hints[hints] {
		return // it was closed already
	}
	close(hints)
	if delete(c.hints, hints); len(c.hints) == 0 {
		delete(w.cells, p.cell())
	}
	w.tidy()
}

// arm makes the system watch the cell's directory, or the nearest above it that exists.
func (w *watches) arm(c *watched) error {
	for at, below := c.place.dir(), ""; ; {
		err := w.system.Add(at)
		switch {
		case err == nil && below != "" && isThere(below): // it was made a moment ago
			at, below = c.place.dir(), ""
			continue
		case err == nil:
			c.at = at
			return nil
		case !missing(err) || at == filepath.Dir(at):
			return fmt.Errorf("%w (watching %s)", err, at)
		}
		at, below = filepath.Dir(at), at
	}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tidy makes the system watch no more than it needs to: nothing, if nobody watches.
func (w *watches) tidy() {
	if w.system == nil {
		return
	}
	if len(w.cells) == 0 {
		_ = w.system.Close()
		w.system = nil
		return
	}
	used := map[string]bool{}
	for _, c := range w.cells {
		used[c.at] = true
	}
	for _, at := range w.system.WatchList() {
		if !used[at] {
			_ = w.system.Remove(at) // fails if it was removed by itself
		}
	}
}

// heed draws the conclusions of what has happened, until the system's watcher is closed. If that closes by itself, all watches end.
func (w *watches) heed(s *Store, system *fsnotify.Watcher, news *news) {
	for range news.ready {
		paths := news.take()
		w.mu.Lock()
		if w.system == system {
			w.look(s, paths)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.system == system {
		for _, c := range w.cells {
			w.end(c)
		}
		w.tidy()
	}
}

// look reads the cells that the paths are of. Nil paths are any.
func (w *watches) look(s *Store, paths map[string]bool) {
	for path := range paths {
		if c := w.cells[path]; c != nil {
			w.read(s, c)
			delete(paths, path)
		} else if s.isOfACell(path) {
			delete(paths, path)
		}
	}
	if paths != nil && len(paths) == 0 {
		return
	}
	for _, c := range w.cells {
		if paths != nil && !isIn(c.place.dir(), paths) {
			continue
		}
		if c.at == c.place.dir() {
			_ = w.system.Remove(c.at) // another directory may be in its place by now
		}
		if err := w.arm(c); err != nil {
			w.end(c)
			continue
		}
		w.read(s, c)
	}
	w.tidy()
}

// isIn reports whether one of the paths is the directory, or above it.
func isIn(dir string, paths map[string]bool) bool {
	for path := range paths {
		if dir == path || strings.HasPrefix(dir, strings.TrimSuffix(path, string(filepath.Separator))+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// glance is a Load that waits for a writer no longer than patience. On Windows, where readers wait for writers, a writer that is stuck
// would else stop the watches of all leases.
func (s *Store) glance(ctx context.Context, name string) (lease.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.Load(ctx, name)
}

// read gives hints if the cell is another than before, and was not only renewed.
func (w *watches) read(s *Store, c *watched) {
	now, err := s.glance(context.Background(), c.name)
	if err == nil && now.Version == c.last.Version {
		return
	}
	before := c.last
	c.last = now
	if err == nil && lease.IsRenewal(before.Data, now.Data) {
		return
	}
	for hints := range c.hints {
		select {
		case hints <- struct{}{}:
		default: // there is one already
		}
	}
}

// end ends all watches of a cell.
func (w *watches) end(c *watched) {
	for hints := range c.hints {
		close(hints)
	}
	delete(w.cells, c.place.cell())
}

// news are the paths that something has happened to. Collecting them never waits for a look: on Windows, the system's watcher would
// answer nobody meanwhile.
type news struct {
	ready chan struct{} // has room for one; closed with the system's watcher

	mu    sync.Mutex
	paths map[string]bool
	lost  bool // something has happened to any path
}

// mostNews bounds the memory of paths.
const mostNews = 1024

func (n *news) collect(system *fsnotify.Watcher) {
	defer close(n.ready)
	for {
		select {
		case e, ok := <-system.Events:
			if !ok {
				return
			}
			n.add(filepath.Clean(e.Name), false)
		case _, ok := <-system.Errors: // more has happened than the system could note, say
			if !ok {
				return
			}
			n.add("", true)
		}
	}
}

func (n *news) add(path string, lost bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.paths == nil {
		n.paths = map[string]bool{}
	}
	n.paths[path] = true
	n.lost = n.lost || lost || len(n.paths) > mostNews
	if n.lost {
		n.paths = nil
	}
	select {
	case n.ready <- struct{}{}:
	default:
	}
}

// take returns the paths; nil for any.
func (n *news) take() map[string]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	paths, lost := n.paths, n.lost
	n.paths, n.lost = nil, false
	if lost {
		return nil
	}
	if paths == nil {
		paths = map[string]bool{}
	}
	return paths
}

var _ lease.Watcher = (*Store)(nil)
