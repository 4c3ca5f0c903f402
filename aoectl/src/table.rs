// SPDX-License-Identifier: BSD-2-Clause
//! Text tables whose columns are as wide as their widest cell.

use crate::text::COLUMNS;

/// A heading, and whether its column is aligned to the right.
pub type Heading = (&'static str, bool);

pub const LEFT: bool = false;
pub const RIGHT: bool = true;

/// The layout of a table. The last column, if aligned to the left, has the rest of the
/// screen and is truncated there.
pub struct Table<const N: usize> {
    headings: [Heading; N],
    widths: [usize; N],
    indent: usize,
}

impl<const N: usize> Table<N> {
    pub fn new(headings: [Heading; N], indent: usize, rows: &[[String; N]]) -> Table<N> {
        let mut widths = headings.map(|(heading, _)| heading.len());
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.len().max(*width);
            }
        }
        Table { headings, widths, indent }
    }

    pub fn heading(&self) -> String {
        self.row(&self.headings.map(|(heading, _)| heading.to_owned())).concat() + "\n"
    }

    /// Returns the cells of a row, each padded and with the blanks in front of it.
    pub fn row(&self, cells: &[String; N]) -> [String; N] {
        let mut used = 0;
        let mut row = cells.clone();
        let columns = self.widths.into_iter().zip(self.headings);
        for (column, (cell, (width, (_, is_right)))) in row.iter_mut().zip(columns).enumerate() {
            let gap = if column == 0 { self.indent } else { 1 };
            let is_last = column + 1 == N;
            *cell = match (is_right, is_last) {
                (RIGHT, _) => format!("{:gap$}{cell:>width$}", ""),
                (LEFT, false) => format!("{:gap$}{cell:<width$}", ""),
                (LEFT, true) if cell.is_empty() => String::new(),
                (LEFT, true) => {
                    let room = COLUMNS.saturating_sub(used + gap);
                    format!("{:gap$}{cell:.room$}", "")
                }
            };
            used += cell.len();
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[&str; 3]]) -> Vec<[String; 3]> {
        rows.iter().map(|row| row.map(str::to_owned)).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = rows(&[["aoe7e3", "5", "x"], ["a", "1000", ""]]);
        let table = Table::new([("NAME", LEFT), ("N", RIGHT), ("TEXT", LEFT)], 2, &rows);
        assert_eq!(table.heading(), "  NAME      N TEXT\n");
        let lines: Vec<String> = rows.iter().map(|row| table.row(row).concat()).collect();
        assert_eq!(lines, ["  aoe7e3    5 x", "  a      1000"]);
    }

    #[test]
    fn the_last_column_ends_with_the_screen() {
        let long = "x".repeat(100);
        let rows = rows(&[["aoe65534e254", "1", &long]]);
        let table = Table::new([("NAME", LEFT), ("N", RIGHT), ("TEXT", LEFT)], 0, &rows);
        assert!(rows.iter().all(|row| table.row(row).concat().len() == COLUMNS));
    }
}
