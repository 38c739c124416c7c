package sql

import (
	"strings"
	"testing"
)

func TestAnAddressThatPutsKeysIntoStatementsIsRefused(t *testing.T) {
	const url = "postgres://parley@localhost/vault?default_query_exec_mode="
	if err := CheckURL(url + "simple_protocol"); err == nil || !strings.Contains(err.Error(), "simple_protocol") {
		t.Errorf("simple_protocol: %v", err)
	}
	if err := CheckURL(url + "cache_describe"); err != nil {
		t.Error(err)
	}
}
