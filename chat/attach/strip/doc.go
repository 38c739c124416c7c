// Package strip takes out of pictures and films what says where and with what they were made: EXIF, XMP, IPTC, comments, tags,
// GPS tracks, and whatever stands outside of what a viewer shows, such as a second file hung onto the first.
//
//	file ─ JPEG, PNG, WebP, GIF, MP4, WebM ─▶ Plan ─ Of(file) ─▶ View: the same picture without the rest
//
// A parser reads a file through a small window and answers with a [Plan]: which bytes stay, which are written anew. Nothing
// is decoded and nothing is held in memory, so a plan of a large film costs as much as one of a small picture. Pictures lose
// segments and become shorter; films keep every byte where it was, since tables in them hold offsets, and lose contents to
// zeros. What a parser does not know is taken out; what it can't take out it refuses.
//
// Of a picture's orientation, which stands among what is taken out, a new note is made that holds nothing else.
//
// It does not look into what is shown: a plate on a photo, or a position that a dashboard camera hides in the video stream.
package strip
