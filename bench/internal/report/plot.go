package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// An Axis describes an axis of a plot.
type Axis struct {
	Label string // with the unit: "seconds"
	Log   bool   // logarithmic, for values above 0
	Marks []Mark // lines across the plot
}

// A Mark is a line across the plot at a value of an axis: a goal, or a promise.
type Mark struct {
	Name  string
	Value float64
}

// Samples are measured values, in any order.
type Samples struct {
	Name   string
	Values []float64
}

// A Line goes through points, in the order of X. Both slices have the same length.
type Line struct {
	Name string
	X, Y []float64
}

// mostSteps limits the steps of a line of an ECDF, which is then right within 1/mostSteps: a page should not have megabytes.
const mostSteps = 400

// ECDF draws, for each of the series, the part of its samples that is at most x. It leaves out a series without samples.
func ECDF(title string, x Axis, series ...Samples) ([]byte, error) {
	f := newFrame(title, x, Axis{Label: "of all, %"})
	f.plot.Y.Min, f.plot.Y.Max = 0, 100
	for i, s := range series {
		if len(s.Values) == 0 {
			continue
		}
		if err := f.line(i, s.Name, steps(s.Values), false); err != nil {
			return nil, fmt.Errorf("draw %q: %s: %w", title, s.Name, err)
		}
	}
	return f.svg(plotHeight)
}

// steps returns the corners of the ECDF.
func steps(values []float64) plotter.XYs {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	corners := plotter.XYs{{X: sorted[0], Y: 0}}
	every := max(1, (n+mostSteps-1)/mostSteps)
	for i := 0; i < n; i++ {
		if i%every != every-1 && i != n-1 {
			continue
		}
		last := corners[len(corners)-1]
		corners = append(corners, plotter.XY{X: sorted[i], Y: last.Y}, plotter.XY{X: sorted[i], Y: 100 * float64(i+1) / float64(n)})
	}
	return corners
}

// Lines draws lines through points, and marks the points.
func Lines(title string, x, y Axis, lines ...Line) ([]byte, error) {
	f := newFrame(title, x, y)
	for i, l := range lines {
		if len(l.X) != len(l.Y) {
			return nil, fmt.Errorf("draw %q: %s: %d values of x, and %d of y", title, l.Name, len(l.X), len(l.Y))
		}
		points := make(plotter.XYs, len(l.X))
		for j := range l.X {
			points[j] = plotter.XY{X: l.X[j], Y: l.Y[j]}
		}
		if err := f.line(i, l.Name, points, true); err != nil {
			return nil, fmt.Errorf("draw %q: %s: %w", title, l.Name, err)
		}
	}
	return f.svg(plotHeight)
}

// Bars draws a group of bars beside each name, one for each of the series, whose values are in the order of the names. NaN
// means no bar. The value stands at the end of each bar.
func Bars(title string, value Axis, names []string, series ...Samples) ([]byte, error) {
	for _, s := range series {
		if len(s.Values) != len(names) {
			return nil, fmt.Errorf("draw %q: %s: %d values for %d names", title, s.Name, len(s.Values), len(names))
		}
	}
	if len(names) == 0 {
		return nil, nothing(title)
	}
	f := newFrame(title, value, Axis{})
	b := &bars{names: names, series: series, log: value.Log}
	f.plot.Add(b)
	backwards := slices.Clone(names) // the first name at the top
	slices.Reverse(backwards)
	f.plot.NominalY(backwards...)
	f.plot.Y.Tick.Label.Font.Size = 10
	if len(series) > 1 {
		for i, s := range series {
			f.legend.Add(s.Name, swatch{colour(i)})
		}
	}
	return f.svg(90 + vg.Length(len(names)*max(1, len(series)))*14 + vg.Length(len(names))*6)
}

func nothing(title string) error { return fmt.Errorf("draw %q: there is nothing to show", title) }

const (
	plotWidth  = 620
	plotHeight = 320
)

// frame is a plot with its legend beside it, where it never covers data.
type frame struct {
	title  string
	plot   *plot.Plot
	legend plot.Legend
	marks  [2][]Mark // of x and y
}

func newFrame(title string, x, y Axis) *frame {
	f := &frame{title: title, plot: plot.New(), legend: plot.NewLegend(), marks: [2][]Mark{x.Marks, y.Marks}}
	p := f.plot
	p.Title.Text, p.Title.Padding = title, 10
	p.Title.TextStyle.Font = font.From(sans, 13)
	for _, a := range []struct {
		from Axis
		to   *plot.Axis
	}{{x, &p.X}, {y, &p.Y}} {
		a.to.Label.Text = a.from.Label
		a.to.Label.TextStyle.Font, a.to.Tick.Label.Font = font.From(sans, 11), font.From(sans, 10)
		a.to.Tick.Marker = ticks(a.from.Log)
		if a.from.Log {
			a.to.Scale = plot.LogScale{}
		}
	}
	f.legend.Left, f.legend.Top, f.legend.Padding = true, true, 4
	f.legend.TextStyle.Font = font.From(sans, 10)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{215}, color.Gray{215}
	p.Add(grid)
	return f
}

var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// line adds a line of the nth colour.
func (f *frame) line(n int, name string, points plotter.XYs, marked bool) error {
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	l.LineStyle = draw.LineStyle{Color: colour(n), Width: 1.8, Dashes: dashes(n)}
	f.plot.Add(l)
	if !marked {
		f.legend.Add(name, l)
		return nil
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	s.GlyphStyle = draw.GlyphStyle{Color: colour(n), Radius: 3, Shape: shapes[n%len(shapes)]}
	f.plot.Add(s)
	f.legend.Add(name, l, s)
	return nil
}

// svg draws everything on white, so that it is readable on a dark page, too.
func (f *frame) svg(height vg.Length) ([]byte, error) {
	if math.IsInf(f.plot.X.Min, 0) || math.IsInf(f.plot.Y.Min, 0) {
		return nil, nothing(f.title)
	}
	f.across()
	for _, a := range []*plot.Axis{&f.plot.X, &f.plot.Y} {
		if _, log := a.Scale.(plot.LogScale); log && !decades(a) {
			return nil, fmt.Errorf("draw %q: there is nothing above 0 on the logarithmic axis %q", f.title, a.Label.Text)
		}
	}
	canvas := vgsvg.New(plotWidth, height)
	whole := draw.New(canvas)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	beside := f.legend.Rectangle(whole).Size().X
	if beside > 0 {
		beside += 14
	}
	f.plot.Draw(draw.Crop(whole, 8, -beside-10, 8, -8))
	f.legend.Draw(draw.Crop(whole, plotWidth-beside, 0, 0, -36))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("draw %q: %w", f.title, err)
	}
	// Liberation Sans, which Linux has, was made as wide as Arial.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// across adds the marks, once the axes are known.
func (f *frame) across() {
	p := f.plot
	for _, m := range f.marks[0] {
		p.X.Min, p.X.Max = math.Min(p.X.Min, m.Value), math.Max(p.X.Max, m.Value)
	}
	for _, m := range f.marks[1] {
		p.Y.Min, p.Y.Max = math.Min(p.Y.Min, m.Value), math.Max(p.Y.Max, m.Value)
	}
	for axis, marks := range f.marks {
		for i, m := range marks {
			s := &stroke{vertical: axis == 0, value: m.Value, style: draw.LineStyle{
				Color: color.Gray{90}, Width: 1.2, Dashes: []vg.Length{vg.Length(2 + 4*i), 3},
			}}
			p.Add(s)
			f.legend.Add(m.Name, s)
		}
	}
}
