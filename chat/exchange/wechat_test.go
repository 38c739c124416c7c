package exchange

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"parley/internal/policy"
)

func TestWeChatIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"abcdef": true, "wang-min_88": true, "A12345": true, "wxid_a1b2c3d4e5f6": true, "a2345678923456789234": true,
		"": false, "abcde": false, "a23456789234567892345": false, "1abcdef": false, "_abcdef": false, "-abcdef": false,
		"abc def": false, "abc.def": false, "小明abcdef": false, "abcdef\n": false, "abc\x00def": false,
		"13812345678": false, "+8613812345678": false, "wx13812345678": false, "w138-1234-5678": false, "w1_3_8_1_2_3_4_5_6_7_8": false,
		"t010-12345678": false, "tel075512345678": false, "１３８１２３４５６７８": false,
	} {
		if err := checkWeChat(id); (err == nil) != ok || err != nil && !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%q: %v, want accepted %v", id, err, ok)
		}
	}
}

func FuzzWeChatIDsHoldNoMobileNumber(f *testing.F) {
	for _, s := range []string{"wang-min_88", "wx13812345678", "w138-1234-5678"} {
		f.Add(s)
	}
	mobile := regexp.MustCompile(`1[3-9][0-9]{9}`)
	f.Fuzz(func(t *testing.T, id string) {
		if checkWeChat(id) != nil {
			return
		}
		digits := strings.Map(func(r rune) rune {
			if r == '-' || r == '_' {
				return -1
			}
			return r
		}, id)
		if len(id) < 6 || len(id) > 20 || mobile.MatchString(digits) {
			t.Errorf("%q is accepted", id)
		}
	})
}

func TestASecretShowsNothing(t *testing.T) {
	var log strings.Builder
	s := secret("wang-min_88")
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "g", gift{value: s})
	all := log.String() + fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v", s, s, s, s, s, gift{value: s}, gift{value: s}, gift{value: s})
	if strings.Contains(all, "wang") {
		t.Errorf("it shows in %s", all)
	}
}
