package attach

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"parley/internal/policy"
)

// Bounds of pictures. A small file may unfold to any size (a bomb), so what a header says is looked at before anything is unfolded.
const (
	maxPixels = 50_000_000
	maxSide   = 30_000
	maxFrames = 500
	maxWork   = 1_000_000_000 // pixels times scans of a progressive JPEG
	thumbSide = 480
)

// decodeBudget is how many bytes all pictures that are unfolded at a time may take. A picture that takes more gets no thumbnail.
const decodeBudget = 256 << 20

type decoder struct {
	decode func(io.Reader) (image.Image, error)
	still  bool  // it can't decode what moves
	pixel  int64 // bytes that a pixel takes while it is decoded
}

var (
	decodeJPEG = &decoder{decode: jpeg.Decode, pixel: 4}
	decodePNG  = &decoder{decode: png.Decode, pixel: 5}
	decodeGIF  = &decoder{decode: gif.Decode, pixel: 2}
	decodeWebP = &decoder{decode: webp.Decode, pixel: 9, still: true}
)

var errDimensions = policy.ErrTooLarge.With(
	"The picture has too many pixels. Make it smaller than 50 megapixels and try again.",
	"图片像素过大，请缩小到 5000 万像素以内后再试。")

// bounded refuses pictures that would cost whoever looks at them too much.
func (e *examined) bounded() error {
	pixels := int64(e.Width) * int64(e.Height)
	if e.Width > maxSide || e.Height > maxSide || pixels > maxPixels || e.Frames > maxFrames || pixels*int64(e.Scans) > maxWork {
		return errDimensions
	}
	return nil
}

// cost is how many bytes the picture takes while it is unfolded.
func (e *examined) cost() int64 {
	each := e.decode.pixel
	if e.Progressive {
		each += 12 // the coefficients of up to three colours
	}
	if e.Deep {
		each += 8
	}
	return int64(e.Width) * int64(e.Height) * each
}

// thumbnail is a small JPEG of the picture, upright; nil if it would cost too much, or can't be made. A picture that does not
// unfold is refused as damaged.
func (s *Service) thumbnail(ctx context.Context, e *examined) ([]byte, error) {
	cost := e.cost()
	if cost > decodeBudget || e.Frames > 1 && e.decode.still {
		return nil, nil
	}
	if err := s.pixels.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	defer s.pixels.Release(cost)
	src := &faithful{ctx: ctx, Reader: io.NewSectionReader(e.view, 0, e.size)}
	m, err := e.decode.decode(src)
	if src.err != nil {
		return nil, fmt.Errorf("read picture: %w", src.err)
	}
	if err != nil {
		return nil, errDamaged
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, upright(shrink(m), e.Orientation), &jpeg.Options{Quality: 78}); err != nil {
		return nil, fmt.Errorf("encode thumbnail: %w", err)
	}
	return b.Bytes(), nil
}

// faithful remembers that reading failed, which is no fault of the picture's, and stops with its context.
type faithful struct {
	ctx context.Context
	io.Reader
	err error
}

func (f *faithful) Read(p []byte) (int, error) {
	if f.err = f.ctx.Err(); f.err != nil {
		return 0, f.err
	}
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// shrink brings a picture to thumbSide at most, on white where one looks through it.
func shrink(m image.Image) *image.RGBA {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	if longest := max(w, h); longest > thumbSide {
		w, h = max(1, w*thumbSide/longest), max(1, h*thumbSide/longest)
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(out, out.Bounds(), m, b, draw.Over, nil)
	return out
}

// upright turns a picture as its orientation asks: the first row is at the top, or at the right, …
func upright(m *image.RGBA, orientation int) image.Image {
	w, h := m.Rect.Dx(), m.Rect.Dy() // as it is now
	from, ok := map[int]func(x, y int) (int, int){
		2: func(x, y int) (int, int) { return w - 1 - x, y },
		3: func(x, y int) (int, int) { return w - 1 - x, h - 1 - y },
		4: func(x, y int) (int, int) { return x, h - 1 - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, h - 1 - x },
		7: func(x, y int) (int, int) { return w - 1 - y, h - 1 - x },
		8: func(x, y int) (int, int) { return w - 1 - y, x },
	}[orientation]
	if !ok {
		return m
	}
	size := image.Pt(w, h)
	if orientation >= 5 {
		size = image.Pt(h, w)
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	for y := range size.Y {
		for x := range size.X {
			fx, fy := from(x, y)
			out.SetRGBA(x, y, m.RGBAAt(fx, fy))
		}
	}
	return out
}
