package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// colours are those of Okabe and Ito, except the yellow, which is hard to see on white. People who cannot tell red from green
// can distinguish them, too.
var colours = []color.RGBA{
	{0x00, 0x72, 0xb2, 255}, {0xd5, 0x5e, 0x00, 255}, {0x00, 0x9e, 0x73, 255}, {0xcc, 0x79, 0xa7, 255},
	{0x56, 0xb4, 0xe9, 255}, {0x00, 0x00, 0x00, 255}, {0xe6, 0x9f, 0x00, 255}, {0x88, 0x88, 0x88, 255},
}

func colour(n int) color.Color { return colours[n%len(colours)] }

// dashes distinguish lines of the same colour.
func dashes(n int) []vg.Length {
	return [][]vg.Length{nil, {6, 3}, {2, 2}}[n/len(colours)%3]
}

var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}}

// ticks labels an axis with numbers as Figure writes them: on a logarithmic axis, the decades.
func ticks(log bool) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		if !log {
			marks := plot.DefaultTicks{}.Ticks(low, high)
			for i, t := range marks {
				if t.Label != "" {
					marks[i].Label = Figure(t.Value)
				}
			}
			return marks
		}
		var marks []plot.Tick
		for e := math.Round(math.Log10(low)); e <= math.Round(math.Log10(high)); e++ {
			v := math.Pow(10, e)
			marks = append(marks, plot.Tick{Value: v, Label: Figure(v)})
			for m := 2.0; m < 10 && v*m < high; m++ {
				marks = append(marks, plot.Tick{Value: v * m})
			}
		}
		return marks
	})
}

// decades widens a logarithmic axis to whole decades. It returns false if nothing can be shown on it.
func decades(a *plot.Axis) bool {
	if !(a.Min > 0) || math.IsInf(a.Max, 0) || math.IsInf(a.Min, 0) {
		return false
	}
	a.Min = math.Pow(10, math.Floor(math.Log10(a.Min)))
	a.Max = math.Pow(10, math.Ceil(math.Log10(a.Max)))
	if a.Max <= a.Min {
		a.Max = a.Min * 10
	}
	return true
}

// swatch is a field of colour in a legend.
type swatch struct{ colour color.Color }

func (s swatch) Thumbnail(c *draw.Canvas) {
	c.SetColor(s.colour)
	c.Fill(c.Rectangle.Path())
}

// stroke is a line across the plot.
type stroke struct {
	vertical bool
	value    float64
	style    draw.LineStyle
}

func (s *stroke) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if s.vertical {
		c.StrokeLine2(s.style, x(s.value), c.Min.Y, x(s.value), c.Max.Y)
	} else {
		c.StrokeLine2(s.style, c.Min.X, y(s.value), c.Max.X, y(s.value))
	}
}

func (s *stroke) Thumbnail(c *draw.Canvas) {
	y := c.Center().Y
	c.StrokeLine2(s.style, c.Min.X, y, c.Max.X, y)
}

// bars are horizontal, as names are long. The plotter's own bars begin at 0, which a logarithmic axis does not have.
type bars struct {
	names  []string
	series []Samples
	log    bool
}

// shown reports whether a value has a bar.
func (b *bars) shown(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (b *bars) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax = math.Inf(1), math.Inf(-1)
	if !b.log {
		xmin, xmax = 0, 0
	}
	for _, s := range b.series {
		for _, v := range s.Values {
			if !b.shown(v) || b.log && v <= 0 {
				continue
			}
			xmin, xmax = math.Min(xmin, v), math.Max(xmax, v)
		}
	}
	if b.log {
		xmin *= 0.99 // so that the shortest bar is visible even if it is a power of ten
	}
	return xmin, xmax, -0.5, float64(len(b.names)) - 0.5
}

// GlyphBoxes leaves room for the figures.
func (b *bars) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	_, xmax, _, _ := b.DataRange()
	style := b.style(p)
	return []plot.GlyphBox{{X: p.X.Norm(math.Max(xmax, p.X.Min)), Y: 0.5, Rectangle: vg.Rectangle{Max: vg.Point{X: style.Width("0,000,000")}}}}
}

func (b *bars) style(p *plot.Plot) text.Style {
	return text.Style{Color: color.Gray{60}, Font: font.From(sans, 9), YAlign: draw.YCenter, Handler: p.TextHandler}
}

func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	group := y(1) - y(0)
	if len(b.names) == 1 {
		group = c.Max.Y - c.Min.Y
	}
	thick := group * 0.82 / vg.Length(max(1, len(b.series)))
	for i := range b.names {
		top := y(float64(len(b.names)-1-i)) + group*0.41
		for n, s := range b.series {
			v := s.Values[i]
			if !b.shown(v) {
				continue
			}
			high := top - thick*vg.Length(n)
			end := x(math.Max(v, p.X.Min))
			bar := vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: high - thick*0.9}, Max: vg.Point{X: end, Y: high}}
			c.SetColor(colour(n))
			c.Fill(bar.Path())
			c.FillText(b.style(p), vg.Point{X: end + 3, Y: (bar.Min.Y + bar.Max.Y) / 2}, Figure(v))
		}
	}
}
