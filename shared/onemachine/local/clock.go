package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postern/shared/atomicfile"
)

// Clock is the machine's clock, which the demo can move forward. How far it was moved stands in DIR (details 17).
type Clock struct {
	path   string // empty: cannot be moved
	mu     sync.Mutex
	offset time.Duration
}

// maxAdvance bounds the demo's clock: far beyond every lifetime, and within what dates can hold.
const maxAdvance = 50 * 365 * 24 * time.Hour

// LoadClock gives the clock of a folder, in which it remembers how far it was moved.
func LoadClock(dir string) (*Clock, error) {
	c := &Clock{path: filepath.Join(dir, "demo-clock")}
	raw, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		c.offset, err = time.ParseDuration(strings.TrimSpace(string(raw)))
	}
	if err != nil || c.offset < 0 || c.offset > maxAdvance {
		return nil, fmt.Errorf("read demo clock %s: remove the file to go back to the present: %w", c.path, err)
	}
	return c, nil
}

// Now is the time that the server goes by.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Advance moves the clock forward, and remembers it before it holds.
func (c *Clock) Advance(d time.Duration) (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		if c.offset+d > maxAdvance {
			return time.Time{}, fmt.Errorf("the demo clock goes %s ahead at the most", maxAdvance)
		}
		if err := atomicfile.Write(c.path, []byte((c.offset+d).String()+"\n")); err != nil {
			return time.Time{}, err
		}
		c.offset += d
	}
	return time.Now().Add(c.offset), nil
}
