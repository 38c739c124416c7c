package chain

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// maxLine bounds a line of a bundle's files, in bytes.
const maxLine = 1 << 20

// link is one line of a file whose lines name the hash of the one before, as it is now.
type link struct {
	from, to   int64
	good       bool // a line in its one form
	n          uint64
	prev, hash Hash
	micros     int64 // its time
}

// links are the lines of such a file, numbered densely from first.
type links struct {
	file   string
	first  uint64
	lines  []link
	size   int64
	broken bool // check found something
	find   func(Finding)
}

// read reads the lines, each understood by f, which sets all but the place of a good one.
func (l *links) read(fsys fs.FS, f func(i int, line []byte, l *link) error) error {
	in, err := fsys.Open(l.file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer in.Close()
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, whole, err := readLine(r)
		if errors.Is(err, zip.ErrChecksum) { // all bytes were read; what is wrong with them, the hashes say more exactly
			l.find(Finding{File: l.file, To: l.size + int64(len(line)), Class: Altered, Detail: badChecksum})
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnreadable, l.file, err)
		}
		if len(line) == 0 && !whole {
			return nil
		}
		at := link{from: l.size, to: l.size + int64(len(line))}
		if whole {
			at.to++
			line = line[:len(line):len(line)]
			if err := f(len(l.lines), line, &at); errors.Is(err, ErrUnreadable) {
				return err
			} else {
				at.good = err == nil
			}
		}
		l.size = at.to
		l.lines = append(l.lines, at)
	}
}

const badChecksum = "the archive's own checksum of the file does not match"

// readLine reads up to a newline, which it leaves out, or to the end, where it gives nothing. Of a line that is too long it gives
// the beginning, as one that is not whole, and the rest is read as further lines.
func readLine(r *bufio.Reader) (line []byte, whole bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], true, nil
		case errors.Is(err, io.EOF), len(line) > maxLine:
			return line, false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, false, err
		}
	}
}

// check holds the lines against each other.
//
// What is sound: they pass only if every line is in its one form, numbered by its place, and linked to the one before. How a
// break is called is a judgement: by whether the line that a link asks for is elsewhere, and by the numbers around. end is
// what the last line should hash to, where something that is signed says so.
func (l *links) check(start, end Hash) {
	at, asked := make(map[Hash]int, len(l.lines)), map[Hash]bool{end: true}
	for i, line := range l.lines {
		if line.good {
			asked[line.prev] = true
			if _, ok := at[line.hash]; !ok {
				at[line.hash] = i
			}
		}
	}
	for i := range l.lines {
		l.checkLine(i, start, at, asked)
	}
}

func (l *links) checkLine(i int, start Hash, at map[Hash]int, asked map[Hash]bool) {
	line := l.lines[i]
	if !line.good {
		l.blame(i, Altered, "not a line in its one form")
		return
	}
	want := start
	if i > 0 {
		if !l.lines[i-1].good {
			return // the break is the line before
		}
		want = l.lines[i-1].hash
	}
	switch {
	case line.prev != want:
		l.classify(i, at, asked)
	case line.n == l.first+uint64(i), i > 0 && line.n == l.lines[i-1].n+1: // or the numbers go on from a break before
	case line.n > l.next(i) && asked[line.hash]:
		l.missing(i)
	default:
		l.blame(i, Altered, fmt.Sprintf("numbered %d at place %d", line.n, l.first+uint64(i)))
	}
}

// next is the number that line i should have after the one before it.
func (l *links) next(i int) uint64 {
	if i == 0 {
		return l.first
	}
	return l.lines[i-1].n + 1
}

// missing says that there is a hole in the numbers before line i.
func (l *links) missing(i int) {
	line := l.lines[i]
	l.broken = true
	l.find(Finding{File: l.file, From: line.from, To: line.from, Class: Removed,
		Detail: fmt.Sprintf("numbers %d to %d are missing before this place", l.next(i), line.n-1)})
}

// classify names the break between line i-1 and line i.
func (l *links) classify(i int, at map[Hash]int, asked map[Hash]bool) {
	line, next := l.lines[i], l.next(i)
	place := fmt.Sprintf("number %d stands at place %d", line.n, l.first+uint64(i))
	if j := at[line.hash]; j < i {
		l.blame(i, Added, fmt.Sprintf("number %d stands there a second time", line.n))
		return
	}
	if j, ok := at[line.prev]; ok && j != i {
		if j > i || line.n < next && i > 0 && asked[l.lines[i-1].hash] {
			l.blame(i, Reordered, place)
			return
		}
		l.blame(i-1, Added, "the next line does not follow this one")
		return
	}
	switch {
	case line.n > next:
		l.missing(i)
	case line.n < next && i > 0:
		l.blame(i, Reordered, place)
	case i == 0 || !asked[line.hash]:
		l.blame(i, Altered, "its link to the line before is not that line's hash")
	default:
		l.blame(i-1, Altered, fmt.Sprintf("number %d is not what number %d was linked to", l.lines[i-1].n, line.n))
	}
}

func (l *links) blame(i int, c Class, detail string) { l.blameRange(i, i, c, detail) }

func (l *links) blameRange(i, j int, c Class, detail string) {
	l.broken = true
	l.find(Finding{File: l.file, From: l.lines[i].from, To: l.lines[j].to, Class: c, Detail: detail})
}

// short says that lines are missing at the end.
func (l *links) short(detail string) {
	l.broken = true
	l.find(Finding{File: l.file, From: l.size, To: l.size, Class: Truncated, Detail: detail})
}

// at is the index of the line of that number, where all is in order.
func (l *links) at(n uint64) (int, bool) {
	if n < l.first || n-l.first >= uint64(len(l.lines)) {
		return 0, false
	}
	return int(n - l.first), true
}
