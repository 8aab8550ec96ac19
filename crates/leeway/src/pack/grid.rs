//! Text in columns.

/// Spaces between two columns.
const GAP: &str = "  ";

/// Where the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Lines indented by two, their columns as wide as the widest cell; columns beyond the alignments stand to the right.
pub(super) fn aligned(lines: &[Vec<String>], alignments: &[Align]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cell = |(column, cell): (usize, &String)| {
            let width = widths.get(column).copied().unwrap_or(0);
            match alignments.get(column).unwrap_or(&Align::Right) {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            }
        };
        let cells: Vec<String> = line.iter().enumerate().map(cell).collect();
        text.push_str(format!("  {}", cells.join(GAP)).trim_end());
        text.push('\n');
    }
    text
}
