package redis

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
)

func TestRecordsComeOutAsTheyWentIn(t *testing.T) {
	in := []record{
		{names: []name{{1}, {2}}, payload: []byte("two")},
		{names: []name{}, payload: []byte("all")},
		{names: []name{{3}}, payload: []byte{}},
	}
	var b []byte
	for _, r := range in {
		b = appendRecord(b, r)
	}
	out, err := decodeRecords(b)
	if err != nil || !reflect.DeepEqual(out, in) {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestALargePackIsCutIntoEnvelopes(t *testing.T) {
	var p pack
	big := bytes.Repeat([]byte{1}, envelopeBytes/2)
	for range 4 {
		p.add(record{payload: big})
	}
	p.addToAll(outgoing{resync: true})
	p.add(record{payload: []byte("after")})
	kinds := []byte{}
	records := 0
	for _, e := range p {
		kinds = append(kinds, e[0])
		if len(e) > 2*envelopeBytes {
			t.Errorf("an envelope has %d bytes", len(e))
		}
		if e[0] == envelopeRecords {
			r, err := decodeRecords(e[1:])
			if err != nil {
				t.Fatal(err)
			}
			records += len(r)
		}
	}
	if records != 5 || len(p) < 4 || kinds[len(kinds)-2] != envelopeResync {
		t.Errorf("%d records in envelopes %q", records, kinds)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(appendRecord(nil, record{names: []name{{1}}, payload: []byte("x")}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := decodeRecords(b)
		if err != nil {
			return
		}
		var again []byte
		for _, r := range records {
			again = appendRecord(again, r)
		}
		back, err := decodeRecords(again)
		if err != nil || len(again) > len(b) || !reflect.DeepEqual(back, records) {
			t.Errorf("%x became %x (%v)", b, again, err)
		}
	})
}

func TestAQueueDropsTheOldest(t *testing.T) {
	q := newQueue[int](3 * (overhead + 10))
	dropped := 0
	for i := range 5 {
		dropped += q.put(i, 10)
	}
	if n := q.put(9, 1000); n != 1 {
		t.Errorf("what is larger than the queue dropped %d", n)
	}
	if first, rest := q.take(2), q.take(9); dropped != 2 || !slices.Equal(first, []int{2, 3}) || !slices.Equal(rest, []int{4}) || q.bytes != 0 {
		t.Errorf("dropped %d, got %v and %v, %d bytes left", dropped, first, rest, q.bytes)
	}
}

func TestARoundRefreshesEverybody(t *testing.T) {
	for _, users := range []int{0, 1, 19, 20, 21, 1999} {
		all := func() []name {
			names := make([]name, users)
			for i := range names {
				names[i] = name{byte(i), byte(i >> 8)}
			}
			return names
		}
		var r refreshing
		seen := map[name]int{}
		for range refreshSlices {
			for _, n := range r.next(all) {
				seen[n]++
			}
		}
		if len(seen) != users {
			t.Errorf("%d of %d users had a turn", len(seen), users)
		}
	}
}
