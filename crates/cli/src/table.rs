//! Tables for people: no frame, numbers to the right.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

/// How a column stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table with these columns.
pub(crate) fn new(columns: &[(&str, Align)]) -> Table {
    let mut table = Table::new();
    // Never wrapped: lines stay greppable.
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(name, _)| Cell::new(name)));
    for (column, (_, align)) in table.column_iter_mut().zip(columns) {
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
        column.set_padding((0, 2));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = new(&[("NAME", Align::Left), ("COUNT", Align::Right)]);
        table.add_row(["a", "7"]).add_row(["longer", "12345678"]);
        let lines: Vec<String> = table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        assert_eq!(
            lines,
            ["NAME       COUNT", "a              7", "longer  12345678"]
        );
    }
}
