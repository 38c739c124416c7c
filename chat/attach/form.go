package attach

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"parley/chat/attach/strip"
	"parley/internal/policy"
)

// sniffSize is how much of a file is looked at to tell what it is: the names in an office document come late.
const sniffSize = 64 << 10

func init() { mimetype.SetLimit(sniffSize) }

// form is a kind of file that is taken.
type form struct {
	media  string   // as which it is served
	names  []string // ends of names; the first is added to a name that has none of them
	kinds  []Kind
	plan   func(io.ReaderAt, int64) (strip.Plan, error) // nil: it is kept as it is
	decode *decoder                                     // of a picture
	sound  string                                       // as which it is served when it has no picture
	// strict says that the form is told by no more than the lack of another, so the name must agree.
	strict bool
}

var (
	pictures  = []Kind{Picture, File, Resume}
	films     = []Kind{Voice, Video, File}
	documents = []Kind{File, Resume}
	files     = []Kind{File}
)

// forms are by what the sniffer calls them. Whatever is not here is refused: programs, pages, drawings with scripts, disks.
var forms = map[string]form{
	"image/jpeg": {media: "image/jpeg", names: []string{".jpg", ".jpeg"}, kinds: pictures, plan: strip.JPEG, decode: decodeJPEG},
	"image/png":  {media: "image/png", names: []string{".png"}, kinds: pictures, plan: strip.PNG, decode: decodePNG},
	"image/apng": {media: "image/png", names: []string{".png", ".apng"}, kinds: pictures, plan: strip.PNG, decode: decodePNG},
	"image/webp": {media: "image/webp", names: []string{".webp"}, kinds: pictures, plan: strip.WebP, decode: decodeWebP},
	"image/gif":  {media: "image/gif", names: []string{".gif"}, kinds: pictures, plan: strip.GIF, decode: decodeGIF},

	"video/mp4":       {media: "video/mp4", names: []string{".mp4", ".m4v", ".m4a"}, kinds: films, plan: strip.MP4, sound: "audio/mp4"},
	"video/x-m4v":     {media: "video/mp4", names: []string{".mp4", ".m4v"}, kinds: films, plan: strip.MP4, sound: "audio/mp4"},
	"audio/mp4":       {media: "video/mp4", names: []string{".m4a", ".mp4"}, kinds: films, plan: strip.MP4, sound: "audio/mp4"},
	"audio/x-m4a":     {media: "video/mp4", names: []string{".m4a", ".mp4"}, kinds: films, plan: strip.MP4, sound: "audio/mp4"},
	"video/3gpp":      {media: "video/mp4", names: []string{".mp4", ".3gp"}, kinds: films, plan: strip.MP4, sound: "audio/mp4"},
	"video/quicktime": {media: "video/quicktime", names: []string{".mov", ".qt"}, kinds: films, plan: strip.MP4, sound: "audio/mp4"},
	"video/webm":      {media: "video/webm", names: []string{".webm"}, kinds: films, plan: strip.WebM, sound: "audio/webm"},

	"application/pdf":    {media: "application/pdf", names: []string{".pdf"}, kinds: documents},
	"application/msword": {media: "application/msword", names: []string{".doc", ".wps"}, kinds: documents},
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": {
		media: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", names: []string{".docx"}, kinds: documents},
	"text/rtf":   {media: "application/rtf", names: []string{".rtf"}, kinds: documents},
	"text/plain": {media: "text/plain", names: []string{".txt", ".md", ".csv", ".log"}, kinds: documents},

	"application/vnd.ms-excel":      {media: "application/vnd.ms-excel", names: []string{".xls", ".et"}, kinds: files},
	"application/vnd.ms-powerpoint": {media: "application/vnd.ms-powerpoint", names: []string{".ppt", ".dps"}, kinds: files},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
		media: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", names: []string{".xlsx"}, kinds: files},
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": {
		media: "application/vnd.openxmlformats-officedocument.presentationml.presentation", names: []string{".pptx"}, kinds: files},
	"application/vnd.oasis.opendocument.text": {
		media: "application/vnd.oasis.opendocument.text", names: []string{".odt"}, kinds: documents},
	"application/vnd.oasis.opendocument.spreadsheet": {
		media: "application/vnd.oasis.opendocument.spreadsheet", names: []string{".ods"}, kinds: files},
	"application/vnd.oasis.opendocument.presentation": {
		media: "application/vnd.oasis.opendocument.presentation", names: []string{".odp"}, kinds: files},
	"text/csv":                  {media: "text/csv", names: []string{".csv"}, kinds: files},
	"text/tab-separated-values": {media: "text/plain", names: []string{".tsv", ".txt"}, kinds: files},
	"application/zip":           {media: "application/zip", names: []string{".zip"}, kinds: files},

	// Files of WPS and old Office that don't say which program they are of.
	"application/x-ole-storage": {media: "application/msword", names: []string{".doc", ".wps"}, kinds: documents, strict: true},
}

// soundNames are the ends of names of films without a picture.
var soundNames = map[string][]string{"audio/mp4": {".m4a", ".mp4", ".mov", ".3gp"}, "audio/webm": {".webm", ".weba"}}

var (
	errEmpty = policy.ErrBadRequest.With("The file is empty.", "文件是空的。")
	errType  = policy.ErrBadRequest.With(
		"Files of this type can't be sent. Send a picture (JPEG, PNG, WebP, GIF), a film (MP4, MOV, WebM), a PDF, an office document, a text or a ZIP archive.",
		"不支持该文件类型。可发送图片（JPEG、PNG、WebP、GIF）、视频（MP4、MOV、WebM）、PDF、办公文档、文本或 ZIP 压缩包。")
	errHEIC = policy.ErrBadRequest.With(
		"HEIC and AVIF pictures can't be sent. Save it as JPEG first; on an iPhone choose Settings › Camera › Formats › Most Compatible.",
		"不支持 HEIC 或 AVIF 图片。请先转换为 JPEG；iPhone 可在“设置 › 相机 › 格式”中选择“兼容性最佳”。")
	errKind = map[Kind]*policy.Refusal{
		Picture: policy.ErrBadRequest.With("This is not a picture (JPEG, PNG, WebP or GIF).", "这不是图片（JPEG、PNG、WebP 或 GIF）。"),
		Voice:   policy.ErrBadRequest.With("This is not a voice recording (M4A or WebM without a picture).", "这不是语音（不含画面的 M4A 或 WebM）。"),
		Video:   policy.ErrBadRequest.With("This is not a film (MP4, MOV or WebM).", "这不是视频（MP4、MOV 或 WebM）。"),
		Resume: policy.ErrBadRequest.With("A résumé is a PDF, a Word document, a text or a picture.",
			"简历须为 PDF、Word 文档、文本或图片。"),
		File: errType,
	}
	errDamaged = policy.ErrBadRequest.With("The file is damaged or not complete. Save it anew and try again.",
		"文件已损坏或不完整，请重新保存后再试。")
	errNotTaken = policy.ErrBadRequest.With("The file has parts that can't be checked. Export it as a usual JPEG, MP4 or WebM and try again.",
		"文件包含无法检查的部分，请导出为常见的 JPEG、MP4 或 WebM 后再试。")
)

// sniff tells what a file is by how it begins, and whether it may be sent as the kind.
func sniff(kind Kind, name string, head []byte) (form, error) {
	if len(head) == 0 {
		return form{}, errEmpty
	}
	media, _, _ := strings.Cut(mimetype.Detect(head[:min(len(head), sniffSize)]).String(), ";")
	f, ok := forms[media]
	switch {
	case strings.HasPrefix(media, "image/hei"), strings.HasPrefix(media, "image/avif"):
		return form{}, errHEIC
	case !ok, f.strict && !f.named(name):
		return form{}, errType
	case f.media == "text/plain" && looksLikeMarkup(head):
		return form{}, errType
	case !slices.Contains(f.kinds, kind):
		return form{}, errKind[kind]
	}
	return f, nil
}

// looksLikeMarkup says whether a text is one that a browser would run, if it were told that it is a page.
func looksLikeMarkup(head []byte) bool {
	head = bytes.ToLower(bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n"))
	for _, start := range []string{"<!doctype", "<html", "<head", "<body", "<script", "<svg", "<?xml", "<iframe", "<!--"} {
		if bytes.HasPrefix(head, []byte(start)) {
			return true
		}
	}
	return false
}

func (f form) named(name string) bool {
	return slices.Contains(f.names, strings.ToLower(path.Ext(name)))
}

// examined is what was found out of a file.
type examined struct {
	form
	strip.Facts
	media string
	view  io.ReaderAt // what of it stays
	size  int64
}

// examine says what a file is and what of it stays. What it refuses, it refuses in words for its sender.
func examine(kind Kind, name string, src io.ReaderAt, size int64) (examined, error) {
	head := make([]byte, min(sniffSize, size))
	if _, err := src.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return examined{}, fmt.Errorf("read the file: %w", err)
	}
	f, err := sniff(kind, name, head)
	if err != nil {
		return examined{}, err
	}
	e := examined{form: f, media: f.media, view: src, size: size}
	if f.plan == nil {
		return e, nil
	}
	plan, err := f.plan(src, size)
	switch {
	case errors.Is(err, strip.ErrDamaged):
		return examined{}, errDamaged
	case errors.Is(err, strip.ErrUnsupported):
		return examined{}, errNotTaken
	case err != nil:
		return examined{}, fmt.Errorf("take the file apart: %w", err)
	}
	e.Facts, e.view, e.size = plan.Facts, plan.Of(src), plan.Size()
	return e, e.check(kind)
}

// check holds what a film or picture is against what it is sent as.
func (e *examined) check(kind Kind) error {
	if e.decode != nil {
		return e.bounded()
	}
	if !e.Video {
		e.media, e.names = e.sound, soundNames[e.sound]
	}
	if kind == Voice && e.Video || kind == Video && !e.Video {
		return errKind[kind]
	}
	if e.Width > maxSide || e.Height > maxSide {
		return errDamaged
	}
	return nil
}
