package clickhousetest

import "os"

// Run starts one shard for a program that is no test; stop ends it. Without the library there is no server and no error.
func Run() (s *Server, stop func(), err error) {
	if _, err := os.Stat(libraryPath()); err != nil {
		return nil, nil, nil
	}
	if s, err = start(1); err != nil {
		return nil, nil, err
	}
	return s, s.stop, nil
}
