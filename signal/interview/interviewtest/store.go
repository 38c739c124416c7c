package interviewtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/interview"
)

// Store runs what every Store must do on stores made by open, each empty.
func Store(t *testing.T, open func(*testing.T) interview.Store) {
	for name, test := range map[string]func(*testing.T, interview.Store){
		"an interview comes back as it went in":         roundTrip,
		"one at a time in a conversation":               oneAtATime,
		"a key names one interview for ever":            keyForEver,
		"save changes what may change":                  saveChanges,
		"a former owner's writes are refused":           fencing,
		"what is not there is unknown":                  unknown,
		"list matches every field of the filter":        listFilters,
		"of many that create at once one is the answer": createRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var opened = time.Date(2026, 5, 1, 8, 0, 0, 123456000, time.UTC)

// sample makes an open interview; n orders ids and times.
func sample(n int, conversation chat.ConversationID) interview.Interview {
	return interview.Interview{
		ID: interview.ID(fmt.Sprintf("01900000-0000-7000-8000-%012d", n)), Conversation: conversation, State: interview.Open,
		Opened: opened.Add(time.Duration(n) * time.Minute),
		Participants: []interview.Participant{
			{User: "zoe", Role: identity.Recruiter, Consent: interview.Asked},
			{User: "ann", Role: identity.Candidate, Consent: interview.Asked},
		},
	}
}

func create(t *testing.T, s interview.Store, i interview.Interview) interview.Interview {
	t.Helper()
	got, created, err := s.Create(t.Context(), i)
	if err != nil || !created {
		t.Fatalf("create: created %v, %v", created, err)
	}
	return got
}

func load(t *testing.T, s interview.Store, id interview.ID) interview.Interview {
	t.Helper()
	got, err := s.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func save(t *testing.T, s interview.Store, i interview.Interview) {
	t.Helper()
	if err := s.Save(t.Context(), i); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want interview.Interview) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func roundTrip(t *testing.T, s interview.Store) {
	want := sample(1, "c1")
	want.Key = "job-7"
	same(t, create(t, s, want), want)
	same(t, load(t, s, want.ID), want)
}

func oneAtATime(t *testing.T, s interview.Store) {
	first := create(t, s, sample(1, "c1"))
	got, created, err := s.Create(t.Context(), sample(2, "c1"))
	if err != nil || created {
		t.Fatalf("a second one: created %v, %v", created, err)
	}
	same(t, got, first)
	create(t, s, sample(3, "c2"))
	first.State = interview.Ended
	save(t, s, first)
	create(t, s, sample(4, "c1"))
}

func keyForEver(t *testing.T, s interview.Store) {
	first := sample(1, "c1")
	first.Key = "job-7"
	create(t, s, first)
	first.State = interview.Ended
	save(t, s, first)
	going := create(t, s, sample(2, "c1"))
	again := sample(3, "c1")
	again.Key = "job-7"
	got, created, err := s.Create(t.Context(), again)
	if err != nil || created {
		t.Fatalf("the key again: created %v, %v", created, err)
	}
	same(t, got, first)
	again.Key = "job-8"
	got, created, err = s.Create(t.Context(), again)
	if err != nil || created {
		t.Fatalf("another key while one goes on: created %v, %v", created, err)
	}
	same(t, got, going)
}

func saveChanges(t *testing.T, s interview.Store) {
	want := create(t, s, sample(1, "c1"))
	want.State, want.Reason, want.Posted = interview.Ended, interview.Withdrawn, interview.Live
	want.Live, want.Ended, want.RecordedSince = opened.Add(time.Hour), opened.Add(2*time.Hour), opened.Add(time.Minute)
	want.Participants[1].Consent = interview.TookBack
	given := want
	given.Conversation, given.Key, given.Opened = "other", "other", opened.Add(time.Hour)
	save(t, s, given)
	same(t, load(t, s, want.ID), want)
}

func fencing(t *testing.T, s interview.Store) {
	i := create(t, s, sample(1, "c1"))
	former, err := s.Claim(t.Context(), i.ID, 3)
	if err != nil {
		t.Fatal(err)
	}
	i.Epoch = 3
	same(t, former, i)
	latter, err := s.Claim(t.Context(), i.ID, 4)
	if err != nil {
		t.Fatal(err)
	}
	former.State, former.Participants[0].Consent = interview.Ended, interview.TookBack
	if err := s.Save(t.Context(), former); !errors.Is(err, interview.ErrFenced) {
		t.Errorf("the former owner saves: %v", err)
	}
	if _, err := s.Claim(t.Context(), i.ID, 3); !errors.Is(err, interview.ErrFenced) {
		t.Errorf("the former owner claims: %v", err)
	}
	same(t, load(t, s, i.ID), latter)
	latter.State = interview.Live
	save(t, s, latter)
	save(t, s, latter)
	same(t, load(t, s, i.ID), latter)
	if again, err := s.Claim(t.Context(), i.ID, 4); err != nil {
		t.Error(err)
	} else {
		same(t, again, latter)
	}
}

func unknown(t *testing.T, s interview.Store) {
	if _, err := s.Load(t.Context(), "01900000-0000-7000-8000-000000000009"); !errors.Is(err, interview.ErrUnknown) {
		t.Errorf("load: %v", err)
	}
	if _, err := s.Claim(t.Context(), "01900000-0000-7000-8000-000000000009", 1); !errors.Is(err, interview.ErrUnknown) {
		t.Errorf("claim: %v", err)
	}
	if err := s.Save(t.Context(), sample(9, "c9")); !errors.Is(err, interview.ErrUnknown) {
		t.Errorf("save: %v", err)
	}
	if got, err := s.List(t.Context(), interview.Filter{User: "ann"}, 10); err != nil || len(got) != 0 {
		t.Errorf("list: %d, %v", len(got), err)
	}
}

func listFilters(t *testing.T, s interview.Store) {
	one, two, three := sample(1, "c1"), sample(2, "c2"), sample(3, "c3")
	one.Posted = interview.Open
	two.Key = "job-7"
	three.Participants[1].User = "bob"
	for _, i := range []interview.Interview{three, one, two} {
		create(t, s, i)
	}
	three.State, three.Posted = interview.Live, interview.Open
	save(t, s, three)
	open, live := []interview.State{interview.Open}, []interview.State{interview.Open, interview.Live}
	for name, test := range map[string]struct {
		filter interview.Filter
		limit  int
		want   []interview.ID
	}{
		"everything":      {interview.Filter{}, 10, []interview.ID{one.ID, two.ID, three.ID}},
		"a page":          {interview.Filter{}, 2, []interview.ID{one.ID, two.ID}},
		"user":            {interview.Filter{User: "ann"}, 10, []interview.ID{one.ID, two.ID}},
		"other user":      {interview.Filter{User: "bob"}, 10, []interview.ID{three.ID}},
		"conversation":    {interview.Filter{Conversation: "c2"}, 10, []interview.ID{two.ID}},
		"key":             {interview.Filter{Key: "job-7"}, 10, []interview.ID{two.ID}},
		"state":           {interview.Filter{States: open}, 10, []interview.ID{one.ID, two.ID}},
		"states":          {interview.Filter{States: live}, 10, []interview.ID{one.ID, two.ID, three.ID}},
		"opened before":   {interview.Filter{OpenedBefore: two.Opened}, 10, []interview.ID{one.ID}},
		"unposted":        {interview.Filter{Unposted: true}, 10, []interview.ID{two.ID, three.ID}},
		"user and state":  {interview.Filter{User: "bob", States: open}, 10, nil},
		"the next page":   {interview.Filter{After: one.ID}, 1, []interview.ID{two.ID}},
		"no such user":    {interview.Filter{User: "eve"}, 10, nil},
		"a quote in text": {interview.Filter{Key: "' OR ''='"}, 10, nil},
	} {
		found, err := s.List(t.Context(), test.filter, test.limit)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []interview.ID
		for _, i := range found {
			got = append(got, i.ID)
			if len(i.Participants) != 2 {
				t.Errorf("%s: %d participants", name, len(i.Participants))
			}
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func createRace(t *testing.T, s interview.Store) {
	var mu sync.Mutex
	ids, made := map[interview.ID]bool{}, 0
	var all sync.WaitGroup
	for n := range 10 {
		all.Go(func() {
			got, created, err := s.Create(context.WithoutCancel(t.Context()), sample(n, "c1"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ids[got.ID] = true; created {
				made++
			}
		})
	}
	all.Wait()
	if len(ids) != 1 || made != 1 {
		t.Errorf("%d answers, %d created; want one of each", len(ids), made)
	}
}
