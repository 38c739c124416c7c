package policy

import (
	"strings"
	"testing"
)

func TestNamesAreMaskedUntilDisclosed(t *testing.T) { // T2
	for _, test := range []struct{ family, given, masked, full string }{
		{"张", "伟", "张**", "张伟"},
		{"欧阳", "娜娜", "欧阳**", "欧阳娜娜"},
		{" 李 ", " 小明 ", "李**", "李小明"},
		{"艾合买提", "买买提·吐尔逊", "艾合买提**", "艾合买提买买提·吐尔逊"},
		{"Smith", "John", "Smith**", "John Smith"},
		{"van der Berg", "Anna", "van der Berg**", "Anna van der Berg"},
		{"王", "Tom", "王**", "Tom 王"},
		{"김", "민준", "김**", "민준 김"},
		{"", "伟", "**", "伟"},
		{"", "", "**", ""},
		{"  ", "John", "**", "John"},
		// A field that may hold the whole name shows its first letter only.
		{"张伟", "", "张**", "张伟"},
		{"John Smith", "", "J**", "John Smith"},
		{"张 伟", "伟", "张**", "张 伟伟"},
		{"张\u3000伟", "伟", "张**", "张\u3000伟伟"},
		{"张\u00a0伟", "小伟", "张**", "张\u00a0伟小伟"},
		// Nor does one that holds the given name again.
		{"张伟", "伟", "张**", "张伟伟"},
		{"张伟", "张伟", "张**", "张伟张伟"},
		{"John Smith", "John", "Smith**", "John John Smith"},
		{"Smith John", "John", "Smith**", "John Smith John"},
		{"Johnson", "John", "Johnson**", "John Johnson"},
		{"金", "金", "金**", "金金"},
	} {
		if got := MaskName(test.family, test.given); got != test.masked {
			t.Errorf("MaskName(%q, %q) = %q, want %q", test.family, test.given, got, test.masked)
		}
		if got := FullName(test.family, test.given); got != test.full {
			t.Errorf("FullName(%q, %q) = %q, want %q", test.family, test.given, got, test.full)
		}
	}
}

func FuzzMaskedNamesHideTheGivenName(f *testing.F) {
	f.Add("张", "伟")
	f.Add("", "\xff")
	f.Add("Smith", "J")
	f.Fuzz(func(t *testing.T, family, given string) {
		masked := MaskName(family, given)
		if !strings.HasSuffix(masked, mask) || len(masked) > len(family)+len(mask) {
			t.Fatalf("masked as %q", masked)
		}
		given = strings.TrimSpace(given)
		if strings.Contains(given, "*") {
			return // the mask may look like the name
		}
		if given != "" && !strings.Contains(family+mask, given) && strings.Contains(masked, given) {
			t.Fatal("the given name shows")
		}
	})
}
