//! Text of an SVG document.

use super::scale::Span;

/// A place in pixels, from the upper left corner.
pub type Point = (f64, f64);

/// Width of a character, as a share of the font size: a little more than a sans-serif digit.
const CHARACTER: f64 = 0.56;

/// A document in the making.
#[derive(Default)]
pub struct Svg {
    out: String,
}

impl Svg {
    pub fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
        self.out.push('\n');
    }

    pub fn text(&mut self, class: &str, (x, y): Point, anchor: &str, text: &str) {
        let text = escape(text);
        self.raw(&format!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    pub fn line(&mut self, class: &str, (x1, y1): Point, (x2, y2): Point) {
        self.raw(&format!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub fn rect(&mut self, class: &str, horizontal: Span, vertical: Span) {
        let (x, y) = (horizontal.from, vertical.from);
        let (width, height) = (horizontal.length(), vertical.length());
        self.raw(&format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }

    /// A dot that says its value to whoever points at it.
    pub fn dot(&mut self, class: &str, (x, y): Point, says: &str) {
        let says = escape(says);
        self.raw(&format!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"><title>{says}</title></circle>"
        ));
    }

    pub fn path(&mut self, class: &str, points: &[Point]) {
        let steps: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        self.raw(&format!("<path class=\"{class}\" d=\"M{}\"/>", steps.join(" L")));
    }

    pub fn finish(self) -> String {
        self.out
    }
}

/// Text as XML holds it; characters that XML 1.0 has no place for become a space.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{FFFE}' | '\u{FFFF}' => out.push(' '),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Roughly how wide a text is.
pub fn width_of(text: &str, font_size: f64) -> f64 {
    text.chars().map(|c| if c.is_ascii() { CHARACTER } else { 1.0 }).sum::<f64>() * font_size
}

/// The text, or as much of it as fits with an ellipsis.
pub fn fit(text: &str, width: f64, font_size: f64) -> String {
    if width_of(text, font_size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width_of(&kept, font_size) + font_size > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_not_leave_its_place() {
        assert_eq!(escape("a<b>&\"c\"'d'\u{0}\u{FFFF}"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;d&#39;  ");
        assert_eq!(fit("short", 100.0, 10.0), "short");
        let cut = fit(&"long ".repeat(40), 100.0, 10.0);
        assert!(cut.ends_with('…') && width_of(&cut, 10.0) <= 100.0, "{cut}");
    }
}
