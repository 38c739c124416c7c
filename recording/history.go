package recording

// history is what a manifest's entries say of the journals.
type history struct {
	fields   *fieldSealer
	start    startDetails
	journals map[ParticipantID]*known
	end      *EndBody
	ending   endDetails
}

// known is how far the manifest knows a journal.
type known struct {
	last  Segment
	count uint64
	sum   Summary
	gaps  int
}

func (h *history) add(e Entry) error {
	switch e.Kind {
	case EntryStart:
		return h.addStart(e)
	case EntrySegments:
		return h.addSegments(e)
	case EntryGap:
		b, err := decodeBody[GapBody](e)
		if k := h.journals[b.Participant]; err == nil && k != nil {
			k.gaps++
		}
		return err
	case EntryEnd:
		b, err := decodeBody[EndBody](e)
		if err != nil {
			return err
		}
		h.end = &b
		return h.fields.open(string(EntryEnd), e.Seq, b.Sealed, &h.ending)
	}
	return nil
}

func (h *history) addStart(e Entry) error {
	b, err := decodeBody[StartBody](e)
	if err != nil {
		return err
	}
	for _, p := range b.Participants {
		h.journals[p.ID] = &known{}
	}
	return h.fields.open(string(EntryStart), e.Seq, b.Sealed, &h.start)
}

func (h *history) addSegments(e Entry) error {
	b, err := decodeBody[SegmentsBody](e)
	if err != nil {
		return err
	}
	sums := map[ParticipantID]Summary{}
	if err := h.fields.open(string(EntrySegments), e.Seq, b.Sealed, &sums); err != nil {
		return err
	}
	for _, j := range b.Journals {
		k := h.journals[j.Participant]
		if k == nil || len(j.Segments) == 0 {
			return errManifest
		}
		k.last, k.sum = j.Segments[len(j.Segments)-1], sums[j.Participant]
		k.count += uint64(len(j.Segments))
	}
	return nil
}
