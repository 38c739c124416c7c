package moderation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/coregx/ahocorasick"

	"parley/internal/identity"
)

// Limits of a rules file.
const (
	MaxRules    = 1 << 20   // bytes of the file, and of each file of words
	MaxWords    = 20_000    // of all lists together
	MaxBytes    = 256 << 10 // of all words together; a byte costs up to 1 KiB of memory
	MaxPatterns = 200       // of all lists together
	MaxPattern  = 500       // bytes
)

// Where says where data may go (L4): the hosts that are declared inside the region, or allowed.
type Where struct {
	Region     string // empty: anywhere
	Recipients []string
}

// Rules are what texts are judged by. They are immutable; any goroutine may use them.
type Rules struct {
	path     string
	where    Where
	sum      [sha256.Size]byte
	files    []string // of words, beside the file itself
	to, from byRole
	kinds    map[Kind]Action
	trusted  []string
	named    []list
	lists    []int // for each word which list it is of
	patterns []pattern
	words    *ahocorasick.Automaton
	veto     *Veto
}

// list is what an operator gave a name: words and patterns, and what happens to them.
type list struct {
	name   string
	to     byRole
	en, zh string // told to who wrote it; empty: the usual texts
}

type pattern struct {
	re   *regexp.Regexp
	list int
}

// Builtin are the rules where there is no file: contacts are masked wherever a headhunter takes part (T6) and need a
// confirmation elsewhere.
func Builtin() *Rules {
	r, err := compile(rulesFile{}, "", Where{})
	if err != nil {
		panic("moderation: the built-in rules: " + err.Error()) // a test would have found it
	}
	return r
}

// Load reads a rules file and the files that it names. An error says on which line what is wrong, and quotes nothing.
func Load(path string, w Where) (*Rules, error) {
	r, err := load(path, w)
	if err != nil {
		return nil, fmt.Errorf("rules file %s: %w", filepath.Base(path), err)
	}
	return r, nil
}

// Check says what is wrong with a rules file; nil if it can be loaded.
func Check(path string, w Where) error {
	_, err := Load(path, w)
	return err
}

func load(path string, w Where) (*Rules, error) {
	raw, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	f, err := parseRules(raw)
	if err != nil {
		return nil, err
	}
	r, err := compile(f, filepath.Dir(path), w)
	if err != nil {
		return nil, err
	}
	r.path = path
	r.sum, err = sumOf(append([]string{path}, r.files...))
	return r, err
}

func readSmall(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("it can't be read: %w", e.Err)
	}
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxRules {
		return nil, fmt.Errorf("it is larger than %d bytes", MaxRules)
	}
	return raw, nil
}

// sumOf tells whether files changed.
func sumOf(paths []string) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for _, p := range paths {
		raw, err := readSmall(p)
		if err != nil {
			return sum, err
		}
		fmt.Fprintf(h, "%d ", len(raw))
		h.Write(raw)
	}
	h.Sum(sum[:0])
	return sum, nil
}

func compile(f rulesFile, dir string, w Where) (*Rules, error) {
	r := &Rules{where: w}
	if err := r.contact(f.Contact); err != nil {
		return nil, err
	}
	var all [][]byte
	for _, h := range hints {
		all = append(all, []byte(h.word))
	}
	size := 0
	for i, l := range f.Lists {
		texts, err := r.list(l, dir)
		if err != nil {
			return nil, err
		}
		for _, t := range texts {
			all, r.lists = append(all, t), append(r.lists, i)
			size += len(t)
		}
		if len(r.lists) > MaxWords || size > MaxBytes || len(r.patterns) > MaxPatterns {
			return nil, l.Name.wrong("the lists up to here have more than %d words, %d bytes or %d patterns", MaxWords, MaxBytes, MaxPatterns)
		}
	}
	words, err := ahocorasick.NewBuilder().AddPatterns(all).Build()
	if err != nil {
		return nil, fmt.Errorf("build words: %w", err)
	}
	r.words = words
	r.veto, err = f.Veto.veto(w)
	return r, err
}

// contact enforces T6: where a headhunter takes part, contacts are masked at least, whatever the file says.
func (r *Rules) contact(f contactFile) (err error) {
	usual := byRole{identity.Candidate: Confirm, identity.Recruiter: Confirm, identity.Headhunter: Mask}
	if r.to, err = roles(usual, f.To); err != nil {
		return err
	}
	usual = byRole{identity.Candidate: Allow, identity.Recruiter: Allow, identity.Headhunter: Mask}
	if r.from, err = roles(usual, f.From); err != nil {
		return err
	}
	for _, given := range []map[string]at[string]{f.To, f.From} {
		if a, ok := given[string(identity.Headhunter)]; ok && actions[a.value] < Mask {
			return a.wrong("contacts are masked or refused where a headhunter takes part (T6)")
		}
	}
	r.kinds = map[Kind]Action{}
	for _, name := range slices.Sorted(maps.Keys(f.Kinds)) {
		k, a := kindNamed(name), f.Kinds[name]
		if r.kinds[k], err = action(a); err != nil {
			return err
		}
		if k == 0 {
			return a.wrong("kinds of contacts are phone, messenger, mail and link")
		}
	}
	for _, h := range f.Trusted {
		host := strings.ToLower(h.value)
		if host == "" || strings.ContainsAny(host, "/:@ *") || !strings.Contains(host, ".") && net.ParseIP(host) == nil {
			return h.wrong("a trusted host is a name such as example.com, which stands for the names below it as well")
		}
		r.trusted = append(r.trusted, host)
	}
	return nil
}

func kindNamed(name string) Kind {
	for _, k := range []Kind{Phone, Messenger, Mail, Link} {
		if k.String() == name {
			return k
		}
	}
	return 0
}

func action(a at[string]) (Action, error) {
	if got, ok := actions[a.value]; ok {
		return got, nil
	}
	return NoAction, a.wrong("an action is allow, confirm, mask or refuse")
}

// roles is what the file says for each role, and the usual for the others.
func roles(usual byRole, given map[string]at[string]) (byRole, error) {
	out := maps.Clone(usual)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(sides, identity.Role(name)) {
			return nil, given[name].wrong("roles are candidate, recruiter and headhunter")
		}
		a, err := action(given[name])
		if err != nil {
			return nil, err
		}
		out[identity.Role(name)] = a
	}
	return out, nil
}
