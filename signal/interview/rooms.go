package interview

// Rooms is how many interviews have a room on this node: somebody is in it, or lately was. A node that drains waits for
// none.
func (s *Service) Rooms() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms
}
