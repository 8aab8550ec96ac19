//! One picture of schedules before and after: bars of what falls due, the balance below them, on one axis of dates.
//!
//! The picture is a function of the cases alone, refers to nothing outside itself, and says in words what it shows.

mod bars;
mod chart;
mod panel;
mod scale;
mod svg;

use loan::cases::{Case, CaseError};

use chart::Chart;
use panel::Size;
use svg::{Svg, escape, fit};

/// A case on its own.
const ALONE: Size = Size { width: 960.0, height: 620.0 };
/// One of several, side by side.
const SMALL: Size = Size { width: 640.0, height: 480.0 };
/// Panels beside each other where there are several.
const COLUMNS: usize = 2;

/// Light where nothing is known about the reader's surroundings, dark where they ask for it.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif;font-size:11px;\
fill:#3b4754;font-variant-numeric:tabular-nums}\
.page{fill:#ffffff}.title{font-size:16px;font-weight:600;fill:#14202b}.strong{fill:#14202b;font-weight:600}\
.muted{fill:#7a8794}.small,.label{font-size:10px}.label{paint-order:stroke;stroke:#ffffff;stroke-width:3px;stroke-linejoin:round}.grid{stroke:#e4e8ec;stroke-width:1}.axis{stroke:#9aa5b0;stroke-width:1}\
.read{stroke:#7a8794;stroke-width:1;stroke-dasharray:2 3}\
.p1{fill:#2364aa}.p0{fill:#bcd3ea}.i1{fill:#d97a1c}.i0{fill:#f4d3ae}.c1{fill:#a2336f}.c0{fill:#e3bdd1}\
.b1{fill:none;stroke:#14202b;stroke-width:2}.b0{fill:none;stroke:#9aa5b0;stroke-width:2;stroke-dasharray:5 4}\
.d1{fill:#14202b}.d0{fill:#9aa5b0}\
@media (prefers-color-scheme:dark){text{fill:#b9c3cd}.page{fill:#12171d}.label{stroke:#12171d}.title,.strong{fill:#f2f5f8}\
.muted{fill:#84919e}.grid{stroke:#262e37}.axis{stroke:#56626e}.read{stroke:#84919e}\
.p1{fill:#6cb0f5}.p0{fill:#2c4a69}.i1{fill:#f3a956}.i0{fill:#6a4b28}.c1{fill:#e27bb2}.c0{fill:#63354d}\
.b1{stroke:#f2f5f8}.b0{stroke:#6b7884}.d1{fill:#f2f5f8}.d0{fill:#6b7884}}";

/// What a panel shows.
enum Content {
    Chart(Box<Chart>),
    /// No schedule: why, or what there is instead.
    Words(Vec<String>),
}

/// The picture as a whole SVG document.
pub fn draw(cases: &[Case]) -> String {
    let size = if cases.len() == 1 { ALONE } else { SMALL };
    let columns = cases.len().clamp(1, COLUMNS);
    let rows = cases.len().div_ceil(columns).max(1);
    let (width, height) = (size.width * count(columns), size.height * count(rows));
    let mut svg = Svg::default();
    svg.raw(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"t d\">"
    ));
    let contents: Vec<Content> = cases.iter().map(content).collect();
    svg.raw(&format!("<title id=\"t\">{}</title>", escape(&title(cases))));
    svg.raw(&format!("<desc id=\"d\">{}</desc>", escape(&description(cases, &contents))));
    svg.raw(&format!("<style>{STYLE}</style>"));
    svg.raw(&format!("<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>"));
    for (nr, (case, content)) in cases.iter().zip(&contents).enumerate() {
        let (x, y) = (count(nr % columns) * size.width, count(nr / columns) * size.height);
        svg.raw(&format!("<g transform=\"translate({x} {y})\">"));
        svg.text("title", (20.0, 28.0), "start", &fit(&heading(case), size.width - 40.0, 16.0));
        match content {
            Content::Chart(chart) => panel::draw(&mut svg, chart, size),
            Content::Words(lines) => {
                for (nr, line) in lines.iter().enumerate() {
                    let y = 50.0 + 18.0 * count(nr);
                    svg.text("", (20.0, y), "start", &fit(line, size.width - 40.0, 11.0));
                }
            }
        }
        svg.raw("</g>");
    }
    svg.raw("</svg>");
    svg.finish()
}

fn content(case: &Case) -> Content {
    match chart(case) {
        Ok(Some(chart)) => Content::Chart(Box::new(chart)),
        Ok(None) => Content::Words(case.calcs().iter().map(interest).collect()),
        Err(error) => Content::Words(vec![format!("Can't be computed: {error}")]),
    }
}

fn chart(case: &Case) -> Result<Option<Chart>, CaseError> {
    let Some(loan) = case.loan()? else { return Ok(None) };
    let after = case.rows()?;
    let mut before = case.rows_before()?;
    if before == after {
        before.clear(); // nothing changed, and nothing is drawn twice
    }
    Ok(Some(Chart::new(loan, before, after)?))
}

fn interest(calc: &loan::cases::SimpleInterest) -> String {
    format!(
        "{} {} at {} % for {} days: interest {}",
        calc.currency,
        calc.principal.format(calc.currency),
        (calc.annual_rate.decimal() * rust_decimal::Decimal::ONE_HUNDRED).normalize(),
        calc.days,
        calc.interest.format(calc.currency)
    )
}

fn heading(case: &Case) -> String {
    if case.title.is_empty() { case.id.clone() } else { format!("{} – {}", case.id, case.title) }
}

fn title(cases: &[Case]) -> String {
    match cases {
        [case] => format!("Schedule before and after: {}", heading(case)),
        cases => format!("Schedules of {} cases before and after", cases.len()),
    }
}

fn description(cases: &[Case], contents: &[Content]) -> String {
    let one = |(case, content): (&Case, &Content)| match content {
        Content::Chart(chart) => format!("{}: {}", case.id, chart.in_words()),
        Content::Words(lines) => format!("{}: {}.", case.id, lines.join("; ")),
    };
    cases.iter().zip(contents).map(one).collect::<Vec<_>>().join(" ")
}

/// A small number of things as a length.
fn count(things: usize) -> f64 {
    u32::try_from(things).map_or(f64::MAX, f64::from)
}
