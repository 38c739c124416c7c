package moderation

import (
	"context"
	"log/slog"
	"time"
)

// RulesFault is why the rules file could not be loaded, and since when.
type RulesFault struct {
	Since time.Time
	Err   error // names the line, quotes nothing
}

// Standing is which rules are in force.
type Standing struct {
	File     bool // they are of a file, not built in
	Lists    []ListStanding
	Contacts map[string]map[string]string // "to" and "from", by role
	Veto     bool
	Fault    *RulesFault // the file changed and can't be loaded; nil when all is well
}

// ListStanding is one list.
type ListStanding struct {
	Name            string
	Words, Patterns int
	To              map[string]string // action by role
}

// Standing says which rules are in force.
func (s *Service) Standing() Standing {
	r := s.rules.Load()
	st := Standing{
		File: r.path != "", Veto: r.veto != nil, Fault: s.fault.Load(),
		Contacts: map[string]map[string]string{"to": r.to.named(), "from": r.from.named()},
	}
	for i, l := range r.named {
		ls := ListStanding{Name: l.name, To: l.to.named()}
		for _, of := range r.lists {
			if of == i {
				ls.Words++
			}
		}
		for _, p := range r.patterns {
			if p.list == i {
				ls.Patterns++
			}
		}
		st.Lists = append(st.Lists, ls)
	}
	return st
}

func (b byRole) named() map[string]string {
	out := map[string]string{}
	for role, a := range b {
		out[string(role)] = a.String()
	}
	return out
}

// reload takes the files if they changed. Files that can't be loaded leave the rules as they are; that is said once for each state
// of the files.
func (s *Service) reload(ctx context.Context) {
	old := s.rules.Load()
	if old.path == "" {
		return
	}
	sum, err := sumOf(append([]string{old.path}, old.files...))
	if err == nil && sum == old.sum {
		s.settled(ctx)
		return
	}
	fresh, err := Load(old.path, old.where)
	if err != nil {
		s.keep(ctx, err)
		return
	}
	s.rules.Store(fresh)
	s.metrics.reloads.Inc()
	s.fault.Store(nil)
	s.metrics.faulty.Set(0)
	s.cfg.Log.InfoContext(ctx, "moderation rules loaded", slog.Int("lists", len(fresh.named)), slog.Int("words", len(fresh.lists)))
}

// settled forgets a fault: the files are again what is in force.
func (s *Service) settled(ctx context.Context) {
	if s.fault.Swap(nil) != nil {
		s.metrics.faulty.Set(0)
		s.cfg.Log.InfoContext(ctx, "moderation rules are again those in force")
	}
}

// keep leaves the rules in force and says why.
func (s *Service) keep(ctx context.Context, err error) {
	if old := s.fault.Load(); old != nil && old.Err.Error() == err.Error() {
		return
	}
	s.fault.Store(&RulesFault{Since: s.cfg.Now(), Err: err})
	s.metrics.faulty.Set(1)
	s.cfg.Log.ErrorContext(ctx, "moderation rules can't be loaded, the old ones stay in force", slog.Any("err", err))
}
