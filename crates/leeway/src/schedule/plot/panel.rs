//! One case: bars of what falls due, and the balance below them.

use jiff::civil::Date;
use loan::Amount;
use loan::cases::CaseRow;

use super::bars::{Bar, Places};
use super::chart::{Chart, Look, Side};
use super::scale::{Days, Money, Span, short};
use super::svg::{Point, Svg, escape, fit, width_of};

/// Pixels left and right of the axes; the left ones hold the marks of money.
const MARGIN: (f64, f64) = (72.0, 20.0);
/// Pixels at either end of the axis of dates, so that the outer bars stay inside.
const INSET: f64 = 30.0;
/// Where the bars begin, from the top.
const BARS_TOP: f64 = 146.0;
/// Share of what is below the heading that the bars get; the balance gets the rest.
const BARS_SHARE: f64 = 0.6;
/// Pixels between bars and balance, and below the balance.
const BETWEEN: f64 = 44.0;
const BELOW: f64 = 34.0;
/// Widest bars: alone, and beside the bar of the other schedule.
const WIDEST: (f64, f64) = (34.0, 20.0);
/// Where the words about a schedule begin.
const WORDS: f64 = 96.0;
/// Font size of labels.
const LABEL: f64 = 10.0;
/// Pixels for one mark of dates.
const MARK_WIDTH: f64 = 80.0;

/// Width and height of a panel in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub width: f64,
    pub height: f64,
}

/// Draws everything below the title.
pub fn draw(svg: &mut Svg, chart: &Chart, size: Size) {
    head(svg, chart, size);
    legend(svg, chart, size);
    let below = size.height - BARS_TOP - BETWEEN - BELOW;
    let bars = Span { from: BARS_TOP, to: BARS_TOP + below * BARS_SHARE };
    let balance = Span { from: bars.to + BETWEEN, to: size.height - BELOW };
    let highest =
        chart.sides().flat_map(|(side, _)| side.bars.values().filter_map(|bar| bar.total().ok())).max();
    let owed = chart.sides().flat_map(|(side, _)| side.rows.iter().map(|row| row.balance_after));
    let mut canvas = Canvas {
        chart,
        days: days(chart, size),
        right: size.width - MARGIN.1,
        bars: Money::new(highest.unwrap_or_default(), bars),
        balance: Money::new(owed.chain([chart.principal]).max().unwrap_or_default(), balance),
        places: Places::default(),
        svg,
    };
    canvas.axes("due", canvas.bars, bars.from);
    canvas.axes("balance", canvas.balance, balance.from);
    canvas.dates();
    canvas.reading(bars.from);
    canvas.all_bars(bars.from);
    canvas.balances(balance.from);
}

/// The days from the first of interest to the last that matters.
fn days(chart: &Chart, size: Size) -> Days {
    let due = chart.sides().flat_map(|(side, _)| side.rows.iter().map(|row| row.due));
    let last = due.chain([chart.as_of]).max().unwrap_or(chart.as_of);
    let over = Span { from: MARGIN.0 + INSET, to: size.width - MARGIN.1 - INSET };
    Days { first: chart.interest_from, last, over }
}

fn head(svg: &mut Svg, chart: &Chart, size: Size) {
    let width = size.width - 40.0;
    svg.text("muted", (20.0, 48.0), "start", &fit(&chart.subtitle(), width, 11.0));
    let mut y = 66.0;
    for (side, look) in chart.sides() {
        let what = if chart.changed() { look.word() } else { "unchanged" };
        svg.text(if look == Look::After { "strong" } else { "" }, (20.0, y), "start", what);
        svg.text(
            "",
            (WORDS, y),
            "start",
            &fit(&side.in_words(chart.currency), size.width - WORDS - 20.0, 11.0),
        );
        y += 16.0;
    }
}

/// What the colours stand for: muted before, strong after.
fn legend(svg: &mut Svg, chart: &Chart, size: Size) {
    let has_charges = chart.sides().any(|(side, _)| !side.charges.is_zero());
    let mut items = vec![('p', "principal"), ('i', "interest")];
    if has_charges {
        items.push(('c', "fees, penalties"));
    }
    let (mut x, y) = (20.0, 104.0);
    for (letter, name) in items {
        for (_, look) in chart.sides() {
            svg.rect(
                &look.class(letter),
                Span { from: x, to: x + 10.0 },
                Span { from: y - 9.0, to: y + 1.0 },
            );
            x += 12.0;
        }
        svg.text("", (x + 3.0, y), "start", name);
        x += width_of(name, 11.0) + 18.0;
    }
    for (_, look) in chart.sides() {
        let name = if chart.changed() { format!("balance {}", look.word()) } else { "balance".to_owned() };
        svg.line(&look.class('b'), (x, y - 4.0), (x + 22.0, y - 4.0));
        svg.text("", (x + 27.0, y), "start", &name);
        x += width_of(&name, 11.0) + 42.0;
    }
    let key = "pale: before, strong: after";
    if chart.changed() && x + width_of(key, 11.0) < size.width {
        svg.text("muted", (x, y), "start", key);
    }
}

/// A panel in the making.
struct Canvas<'a> {
    svg: &'a mut Svg,
    chart: &'a Chart,
    days: Days,
    right: f64,
    bars: Money,
    balance: Money,
    places: Places,
}

impl Canvas<'_> {
    /// Lines at round amounts, and what they measure.
    fn axes(&mut self, name: &str, scale: Money, top: f64) {
        for mark in scale.marks() {
            let y = scale.y(mark);
            let class = if mark.is_zero() { "axis" } else { "grid" };
            self.svg.line(class, (MARGIN.0, y), (self.right, y));
            self.svg.text("small", (MARGIN.0 - 6.0, y + 3.5), "end", &short(mark, self.chart.currency));
        }
        self.svg.text("muted small", (MARGIN.0 - 6.0, top - 10.0), "end", name);
    }

    fn dates(&mut self) {
        let most = (self.days.over.length() / MARK_WIDTH).clamp(2.0, 12.0) as i64;
        let base = self.balance.base();
        for (date, text) in self.days.marks(most) {
            let x = self.days.x(date);
            self.svg.line("axis", (x, base), (x, base + 4.0));
            self.svg.text("small", (x, base + 17.0), "middle", &text);
        }
    }

    /// The day of reading, across both charts.
    fn reading(&mut self, top: f64) {
        let x = self.days.x(self.chart.as_of);
        self.svg.line("read", (x, top - 4.0), (x, self.balance.base()));
        let text = format!("read {}", self.chart.as_of);
        let half = width_of(&text, LABEL) / 2.0;
        let middle = x.clamp(MARGIN.0 + half, (self.right - half).max(MARGIN.0 + half));
        self.places.block((middle - half, middle + half), (top - 18.0, top - 6.0));
        self.svg.text("muted small", (middle, top - 8.0), "middle", &text);
    }

    fn all_bars(&mut self, top: f64) {
        let width = self.bar_width();
        for (side, look) in self.chart.sides() {
            for (date, bar) in &side.bars {
                let from = match (self.chart.changed(), look) {
                    (false, _) => self.days.x(*date) - width / 2.0,
                    (true, Look::Before) => self.days.x(*date) - width - 0.5,
                    (true, Look::After) => self.days.x(*date) + 0.5,
                };
                self.bar(look, (*date, bar), Span { from, to: from + width });
            }
        }
        // The new amounts first: where there is no room, the old ones go without a label.
        for look in [Look::After, Look::Before] {
            self.bar_labels(look, width, top);
        }
        self.numbers();
    }

    /// As wide as the closest bars allow. Bars before end where bars after begin, so that only a bar after and a later one
    /// before can come into each other's way.
    fn bar_width(&self) -> f64 {
        let places = |side: &Side| -> Vec<f64> {
            let bars = side.bars.iter().filter(|(_, bar)| bar.total().is_ok_and(|total| !total.is_zero()));
            bars.map(|(date, _)| self.days.x(*date)).collect()
        };
        let closest =
            |side: &[f64]| side.iter().zip(side.iter().skip(1)).map(|(a, b)| b - a).fold(f64::MAX, f64::min);
        let (before, after) = (places(&self.chart.before), places(&self.chart.after));
        if !self.chart.changed() {
            return (closest(&after) * 0.66).clamp(1.5, WIDEST.0);
        }
        let next = |x: f64| before.iter().find(|other| **other > x).map_or(f64::MAX, |other| other - x);
        let between = after.iter().map(|x| next(*x)).fold(f64::MAX, f64::min);
        closest(&before).min(closest(&after)).min(between / 2.0).min(WIDEST.1 / 0.8).max(2.0) * 0.8
    }

    fn bar(&mut self, look: Look, (date, bar): (Date, &Bar), across: Span) {
        let currency = self.chart.currency;
        let says = format!(
            "{}, nr {}, due {date}: principal {}, interest {}, fees and penalties {}",
            look.word(),
            bar.numbers(),
            bar.principal.format(currency),
            bar.interest.format(currency),
            bar.charges.format(currency)
        );
        self.svg.raw(&format!("<g><title>{}</title>", escape(&says)));
        let mut foot = Amount::ZERO;
        for (letter, part) in [('p', bar.principal), ('i', bar.interest), ('c', bar.charges)] {
            let Ok(head) = foot.add(part) else { continue };
            if part.minor() > 0 {
                let down = Span { from: self.bars.y(head), to: self.bars.y(foot) };
                self.svg.rect(&look.class(letter), across, down);
            }
            foot = head;
        }
        self.svg.raw("</g>");
    }

    /// Totals above the bars, where there is room; an amount that only repeats the last one isn't moved out of the way.
    fn bar_labels(&mut self, look: Look, width: f64, top: f64) {
        let chart = self.chart;
        if look == Look::Before && !chart.changed() {
            return;
        }
        let side = if look == Look::After { &chart.after } else { &chart.before };
        let mut last = None;
        for (date, bar) in &side.bars {
            let Some(total) = bar.total().ok().filter(|total| !total.is_zero()) else { continue };
            let after = chart.after.bars.get(date).and_then(|after| after.total().ok()).unwrap_or_default();
            if look == Look::Before && after == total {
                continue;
            }
            let text = total.format(chart.currency);
            let middle = self.days.x(*date);
            let x = match (chart.changed(), look) {
                (false, _) => middle,
                (true, Look::After) => middle + (width + 1.0) / 2.0,
                // Beside the higher bar after, not in front of it.
                (true, Look::Before) if after > total => {
                    middle - (width + 1.0).max(width_of(&text, LABEL) + 2.0) / 2.0
                }
                (true, Look::Before) => middle - (width + 1.0) / 2.0,
            };
            let heights: &[f64] =
                if last.replace(total) == Some(total) { &[4.0] } else { &[4.0, 16.0, 28.0] };
            let y = self.bars.y(total);
            let feet: Vec<f64> = heights.iter().map(|up| y - up).filter(|foot| *foot > top - 18.0).collect();
            if let Some(foot) = self.places.take(&text, LABEL, x, &feet) {
                self.svg.text(look.text(), (x, foot), "middle", &text);
            }
        }
    }

    /// Numbers of the rows after, below their bars.
    fn numbers(&mut self) {
        let foot = self.bars.base() + 13.0;
        for (date, bar) in &self.chart.after.bars {
            let (x, text) = (self.days.x(*date), bar.numbers());
            if self.places.take(&text, LABEL, x, &[foot]).is_some() {
                self.svg.text("muted small", (x, foot), "middle", &text);
            }
        }
    }

    fn balances(&mut self, top: f64) {
        for (side, look) in self.chart.sides() {
            let steps = self.steps(&side.rows);
            self.svg.path(&look.class('b'), &steps);
        }
        for (side, look) in self.chart.sides() {
            for row in &side.rows {
                let at = (self.days.x(row.due), self.balance.y(row.balance_after));
                let balance = row.balance_after.format(self.chart.currency);
                let says = format!("{}, balance after nr {} on {}: {balance}", look.word(), row.nr, row.due);
                self.svg.dot(&look.class('d'), at, &says);
            }
        }
        self.balance_labels(top);
    }

    fn balance_labels(&mut self, top: f64) {
        let chart = self.chart;
        let start = [(chart.interest_from, chart.principal)];
        let rows = chart.after.rows.iter().map(|row| (row.due, row.balance_after));
        let mut last = None;
        for (date, balance) in start.into_iter().chain(rows) {
            if last.replace(balance) == Some(balance) {
                continue;
            }
            let (x, y) = (self.days.x(date), self.balance.y(balance));
            let text = balance.format(chart.currency);
            // Right of the step, where the line has come down.
            let x = x + width_of(&text, LABEL) / 2.0 + 4.0;
            let feet: Vec<f64> = [y - 4.0].into_iter().filter(|foot| *foot > top - 8.0).collect();
            if x + width_of(&text, LABEL) / 2.0 > self.right {
                continue;
            }
            if let Some(foot) = self.places.take(&text, LABEL, x, &feet) {
                self.svg.text("label", (x, foot), "middle", &text);
            }
        }
    }

    /// The balance stays until a due date and then steps.
    fn steps(&self, rows: &[CaseRow]) -> Vec<Point> {
        let mut height = self.balance.y(self.chart.principal);
        let mut points = vec![(self.days.x(self.chart.interest_from), height)];
        for row in rows {
            let x = self.days.x(row.due);
            points.push((x, height));
            height = self.balance.y(row.balance_after);
            points.push((x, height));
        }
        points
    }
}
