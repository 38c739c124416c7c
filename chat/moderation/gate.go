package moderation

import (
	"context"
	"encoding/json"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
)

var _ chat.Gate = (*Service)(nil)

// Admit implements [chat.Gate]: it returns the content with what is masked, nil for as it is, or a refusal: ErrMuted,
// ErrContent, or ErrConfirm unless the person has confirmed. Whoever was refused learns nothing but their own words' fault.
func (s *Service) Admit(ctx context.Context, a chat.Attempt) (json.RawMessage, error) {
	if err := s.quiet(ctx, a); err != nil {
		s.metrics.verdicts.WithLabelValues("muted").Inc()
		return nil, err
	}
	r := s.rules.Load()
	j := judgement{rules: r, contact: r.contacts(a), others: a.Others}
	masked, err := j.judge(a)
	if err != nil {
		return nil, err
	}
	err = j.refusal(a.Confirmed)
	if err == nil && r.veto != nil && r.veto.covers(a.Type) {
		err = s.vetoed(ctx, r.veto, a, masked)
	}
	s.metrics.judged(&j, err)
	if err != nil {
		return nil, err
	}
	return masked, nil
}

// contacts are the actions for each kind of contact between these people.
func (r *Rules) contacts(a chat.Attempt) (out [Listed]Action) {
	hunted := a.By.Role == identity.Headhunter
	all := max(Allow, r.from[a.By.Role])
	for _, o := range a.Others {
		all = max(all, r.to[o.Role])
		hunted = hunted || o.Role == identity.Headhunter
	}
	for k := range out {
		out[k] = all
		if given, ok := r.kinds[Kind(k)]; ok && !hunted {
			out[k] = given
		}
	}
	return out
}

// judgement is what the rules say of one attempt.
type judgement struct {
	rules   *Rules
	contact [Listed]Action
	others  []chat.Party
	action  Action // the strictest
	by      finding
}

// judge looks through all texts of the content and returns it with what is to be masked, or nil.
func (j *judgement) judge(a chat.Attempt) (json.RawMessage, error) {
	edit := editors[a.Type]
	if edit == nil {
		return nil, nil
	}
	s := scans.Get().(*scan)
	defer scans.Put(s)
	s.strict = j.contact[Phone] >= Mask
	if text, ok := plainText(a.Content); ok && j.text(s, text, nil) == text {
		return nil, nil
	}
	var parts [][]span
	if s.strict {
		var err error
		if parts, err = j.across(s, edit, a.Content); err != nil {
			return nil, err
		}
	}
	return edit(a.Content, func(text string) string {
		var stars []span
		if len(parts) > 0 {
			stars, parts = parts[0], parts[1:]
		}
		return j.text(s, text, stars)
	})
}

// text judges one text and returns it with what is to be masked: stars are what is anyhow.
func (j *judgement) text(s *scan, text string, stars []span) string {
	for _, f := range s.run(j.rules, text) {
		a := j.of(f)
		if a > j.action {
			j.action, j.by = a, f
		}
		if a == Mask {
			stars = append(stars, f.span)
		}
	}
	if len(stars) == 0 {
		return text
	}
	return mask(text, stars)
}

// of is what happens because of one finding. What is doubtful counts only where contacts are masked for T6's sake.
func (j *judgement) of(f finding) Action {
	if f.kind != Listed {
		if a := j.contact[f.kind]; a >= Mask || !f.doubtful {
			return a
		}
		return Allow
	}
	a := Allow
	for _, o := range j.others {
		a = max(a, j.rules.named[f.list].to[o.Role])
	}
	return a
}

// refusal is what the person is told, nil if the attempt passes.
func (j *judgement) refusal(confirmed bool) error {
	var r *policy.Refusal
	switch {
	case j.action == Refuse:
		r = policy.ErrContent
	case j.action == Confirm && !confirmed:
		r = policy.ErrConfirm
	default:
		return nil
	}
	if j.by.kind == Listed {
		if l := j.rules.named[j.by.list]; l.en != "" {
			r = r.With(l.en, l.zh)
		}
	}
	return r
}

// vetoed asks the webhook.
func (s *Service) vetoed(ctx context.Context, v *Veto, a chat.Attempt, masked json.RawMessage) error {
	content := masked
	if content == nil {
		content = a.Content
	}
	answer := s.inspector.ask(ctx, v, a, content)
	var r *policy.Refusal
	switch actions[answer.Action] {
	case Allow:
		return nil
	case Confirm:
		if a.Confirmed {
			return nil
		}
		r = policy.ErrConfirm
	default:
		r = policy.ErrContent
	}
	if en, zh := answer.Text["en"], answer.Text["zh"]; en != "" && zh != "" && max(len(en), len(zh)) <= maxVetoText {
		r = r.With(en, zh)
	}
	return r
}

// maxVetoText bounds what a webhook has told to a person, in bytes.
const maxVetoText = 500
