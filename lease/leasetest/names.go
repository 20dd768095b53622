package leasetest

import "strings"

// awkwardNames are valid and all different. Each means something else to some file system, service, URL or language.
var awkwardNames = []string{
	// Paths.
	".", "..", "...", "../x", "../../x", "/etc/x", "/", "//", "a", "a/", "/a", "a/b", "a//b", "./a", "a/.", "a/..", `a\b`, `C:\x`,
	"con", "CON", "nul.txt", "lost+found", ".lock", ".json", "a.json", "a.tmp", "a~", "~", "~a", "a:b", "$web", "index.html",
	// Names that end in what some systems cut off.
	"a.", "a ", " a", " ", "  ",
	// Escapes, and what they stand for.
	"%", "%%", "%2F", "%2f", "a%2Fb", "%00", "%25", "%252F", "+", "a+b", "a b", "%20", "&amp;", "&", "=2F", "_2F", `\u0061`, `\x61`,
	// Parts of a URL or of a command line.
	"?", "a?b=c&d#e", "#", "*", "a*", "<x>", "|", "'", `"`, "`", "$HOME", "{a}", "a=b", "a,b", "a;b", "-", "--help", "@", "!",
	// Upper and lower case, whole words of some language, numbers.
	"A", "A/B", "straße", "STRASSE", "strasse", "i", "I", "ı", "İ", "k", "K", "\u212a", "ß", "ẞ",
	"null", "true", "0", "00", "1e3", "__name__", ".well-known/acme-challenge/x",
	// The same to a reader: composed and decomposed, ligatures, widths, what cannot be seen.
	"\u00e9", "e\u0301", "\ufb01", "fi", "\uff21", "a\u200b", "\u00a0", "\u202ea", "\ufeff", "\ufeffa", "\u2028",
	// The ends of Unicode.
	"🚀", "👩‍🚀", "\ufffd", "\uffff", "\U0010ffff", "日本語", "مرحبا",
	// The longest names. They differ in the last byte.
	strings.Repeat("a", 254), strings.Repeat("a", 255), strings.Repeat("a", 254) + "b", strings.Repeat("世", 85),
	strings.Repeat("世", 84) + "丗", strings.Repeat("🚀", 63) + "aaa", strings.Repeat("/", 255), strings.Repeat(".", 255),
	strings.Repeat("%", 255), strings.Repeat("../", 85), strings.Repeat("A", 255),
}
